"""The report on PostgreSQL, compared with DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from comms_source.commands.load import run_load
from comms_source.destinations.pipeline import open_pipeline
from comms_source.report.as_json import as_dict
from comms_source.report.data.read import read_facts
from comms_source.sandbox import Clock, Sandbox, SandboxSettings
from comms_source.views.create import create_views
from comms_source.views.settings import ViewSettings
from tests.postgres import Postgres
from tests.support import NOW, session_for

pytestmark = pytest.mark.slow

SETTINGS = ViewSettings(now=NOW, time_zone="Europe/Berlin")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with few operations."""
    with Sandbox(SandboxSettings(operations_per_week=90), Clock(NOW)) as serving:
        yield serving


def report_on(destination: str, sandbox: Sandbox) -> dict[str, Any]:
    """The report after one load, without the destination and the time of the load."""
    pipeline = open_pipeline(destination=destination)
    run_load(session=session_for(sandbox), pipeline=pipeline)
    create_views(pipeline, settings=SETTINGS)
    report = as_dict(read_facts(pipeline, settings=SETTINGS, now=NOW))
    del report["destination"]
    for channel in report["channels"].values():
        del channel["coverage"]["health"]["last_synced_at"]
    return report


def test_the_report_on_postgres_equals_that_on_duckdb(
    sandbox: Sandbox, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly, with days of a zone with daylight saving time."""
    url = postgres.make_database("report")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)

    report = report_on("duckdb", sandbox)
    assert report["channels"]["messages"]["operations"] == 90
    assert report_on("postgres", sandbox) == report
