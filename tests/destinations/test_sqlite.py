"""SQLite, through dlt's destination for SQLAlchemy: its tables, and what is said of views."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from comms_source.channels import CHANNELS
from comms_source.cli.app import app
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox
from tests.support import last_second


def comms(*arguments: str) -> Result:
    """Run a command on SQLite."""
    chosen = [*arguments, "--destination", "sqlalchemy"]
    return CliRunner().invoke(app, chosen, catch_exceptions=False)


@pytest.mark.filterwarnings("ignore:implicitly coercing SELECT:sqlalchemy.exc.SAWarning")
def test_a_destination_without_views_is_loaded(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables are merged in each run, without a warning; views are refused with the reason.

    What is missing is SQLite's: functions for time zones and percentiles.
    """
    sandbox.clock.set(last_second())
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__BASE_URL", sandbox.url)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    file = Path("small.db").absolute()
    monkeypatch.setenv("DESTINATION__SQLALCHEMY__CREDENTIALS", f"sqlite:///{file}")

    # With as many rows as jobs that wait for each other need to fail.
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__DETAILS", "tags,resources,errors")
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__DETAILS_REQUESTS", "150")
    for options in ((), ("--full",)):
        done = comms("load", *options)
        assert done.exit_code == 0, done.output
        assert "view" not in done.output
    with closing(sqlite3.connect(file.with_name("small__comms.db"))) as connection:
        for channel in CHANNELS.values():
            query = f"select count(*) from {channel.table}"
            assert connection.execute(query).fetchone() == (len(sandbox.truth(channel.name)),)
        read = connection.execute("select sum(resources) from operation_details").fetchone()
        tables = " union all ".join(f"select id from {name}" for name in CHANNELS)
        assert read[0] == connection.execute(f"select count(*) from ({tables})").fetchone()[0] > 0

    assert comms("status").exit_code == 0
    for command in ("views", "report"):
        refused = comms(command)
        assert refused.exit_code == 2
        assert "views: they are not written for sqlite, which lacks functions" in refused.stderr
