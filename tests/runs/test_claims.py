"""What `runs`, `coverage`, `gaps` and status say is true for the tables."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from comms_source.channels import CHANNELS
from comms_source.commands.load import run_load
from comms_source.commands.status import read_status
from comms_source.destinations.pipeline import open_pipeline
from comms_source.errors import LoadFailed
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, Sandbox, SandboxSettings
from tests.postgres import Postgres
from tests.support import FILE, NOW, last_second, load, session_for, settings_for, stored, true

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def rows(query: str) -> list[tuple[Any, ...]]:
    """The result of a query on the warehouse."""
    with duckdb.connect(FILE, read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(query).fetchall()


def claimed_and_missing(sandbox: Sandbox, *, since: datetime = NOW) -> int:
    """How many emails are in a window that `coverage` marks as complete, but not in the table.

    Only those created since `since`: the test may have deleted others.
    """
    there = stored("emails").keys()
    missing = [row for key, row in true(sandbox, "emails").items() if key not in there]
    missing = [row for row in missing if row[2] >= since]
    claimed = rows(
        "select window_start, window_end from comms.coverage "
        "where channel = 'emails' and is_complete"
    )
    return sum(any(start <= row[2] < end for start, end in claimed) for row in missing)


@pytest.mark.parametrize("workers", ["1", "4"])
def test_a_failed_load_does_not_count_until_it_is_loaded(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    """A unique index stops the job of one table; the other jobs succeed or do not start."""
    monkeypatch.setenv("LOAD__WORKERS", workers)
    load(sandbox)
    with duckdb.connect(FILE) as connection:
        connection.execute("delete from comms.email_operations")
        connection.execute("create unique index mine on comms.email_operations (account)")
    sandbox.clock.advance(DAY)

    with pytest.raises(LoadFailed, match="UNIQUE"):
        load(sandbox, refresh="full")

    last = rows("select outcome, error from comms.runs order by started_at")[-1]
    assert last == ("failed", "LoadFailed")
    assert claimed_and_missing(sandbox) == 0
    status = read_status(
        settings=settings_for(sandbox), pipeline=open_pipeline(), now=sandbox.clock.now()
    )
    assert status.last_run is not None
    assert status.last_run.outcome == "failed"
    assert {channel.channel: channel.short > 0 for channel in status.channels}["emails"]

    with duckdb.connect(FILE) as connection:
        connection.execute("drop index comms.mine")
    sandbox.clock.advance(HOUR)
    assert load(sandbox).exit_code == 0
    assert all(true(sandbox, name).keys() <= stored(name).keys() for name in CHANNELS)
    assert rows("select outcome from comms.runs order by started_at")[-1] == ("complete",)
    assert claimed_and_missing(sandbox) == 0
    recent = "select bool_and(is_complete) from comms.coverage where window_end between ? and ?"
    bounds = [sandbox.clock.now() - 3 * DAY, sandbox.clock.now() - 2 * HOUR]
    with duckdb.connect(FILE, read_only=True) as connection:
        assert connection.execute(recent, bounds).fetchall() == [(True,)]


@pytest.fixture(autouse=True)
def _no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default dlt retries five times, even if that cannot help."""
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "1")


ROOM = 256 * 1024
"""Bytes. Load packages fit, the DuckDB file does not."""

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, {bytes}))
from comms_source.cli import main
main()
"""
"""A load whose files cannot grow any more, as on a full disk."""


def test_a_load_on_a_full_disk_does_not_count(sandbox: Sandbox) -> None:
    """The run is not recorded as complete, and the next load has all rows."""
    sandbox.clock.set(last_second())
    load(sandbox)
    assert Path(FILE).stat().st_size > 2 * ROOM
    environment = os.environ | {
        "SOURCES__COMMS_SOURCE__BASE_URL": sandbox.url,
        "SOURCES__COMMS_SOURCE__REFRESH": "full",
        "TWILIO_ACCOUNT_SID": ACCOUNT_ID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    }
    command = [sys.executable, "-c", LIMITED.format(bytes=ROOM), "load"]
    failed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert failed.returncode == 1, failed.stdout
    assert failed.stderr.splitlines()[-1].startswith("comms: LoadFailed: ")
    outcomes = [outcome for (outcome,) in rows("select outcome from comms.runs")]
    assert outcomes.count("complete") == 1
    assert claimed_and_missing(sandbox, since=NOW - 30 * DAY) == 0
    assert load(sandbox).exit_code == 0
    assert all(true(sandbox, name).keys() <= stored(name).keys() for name in CHANNELS)


def test_the_next_run_marks_a_dead_run_as_interrupted(sandbox: Sandbox) -> None:
    """Its outcome was `running` until then; its counts are kept."""
    load(sandbox)
    with duckdb.connect(FILE) as connection:
        connection.execute(
            "update comms.runs set outcome = 'running', ended_at = null, requests = 41"
        )
    sandbox.clock.advance(HOUR)
    load(sandbox)

    found = rows("select outcome, requests, ended_at is null from comms.runs order by started_at")
    assert found == [("interrupted", 41, True), ("complete", 3, False)]


def test_a_run_that_died_after_its_last_load_is_complete(sandbox: Sandbox) -> None:
    """The next run finds the last package loaded, and records the outcome."""
    load(sandbox)
    with duckdb.connect(FILE) as connection:
        connection.execute("update comms.runs set outcome = 'running'")
    sandbox.clock.advance(HOUR)
    load(sandbox)

    assert rows("select outcome from comms.runs") == [("complete",), ("complete",)]


def test_on_postgres_a_failed_load_is_recorded_as_failed(
    sandbox: Sandbox, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row in `runs` is in the package, and is complete only after that is loaded."""
    url = postgres.make_database("claims")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)

    def load_there() -> int:
        pipeline = open_pipeline(destination="postgres")
        return run_load(session=session_for(sandbox), pipeline=pipeline).exit_code

    load_there()
    sandbox.clock.advance(DAY)
    with postgres.connect("claims") as cursor:
        cursor.execute("alter table comms.email_operations add check (false) not valid")
        with pytest.raises(LoadFailed):
            load_there()
        cursor.execute("select count(*) from comms.runs where outcome = 'complete'")
        assert cursor.fetchone() == (1,)
        cursor.execute(
            "select count(*) from comms.coverage where is_complete and read_at > %s", [NOW + HOUR]
        )
        assert cursor.fetchone() == (0,)
        cursor.execute("alter table comms.email_operations drop constraint email_operations_check")
        sandbox.clock.advance(HOUR)
        assert load_there() == 0
        cursor.execute("select outcome from comms.runs order by started_at desc limit 1")
        assert cursor.fetchone() == ("complete",)


@pytest.mark.parametrize(
    ("minute", "lasts"),
    [(59, timedelta(minutes=20)), (1, timedelta(hours=3))],
)
def test_what_expires_during_the_first_run_is_not_a_gap(minute: int, lasts: timedelta) -> None:
    """Whenever it starts, and however long it takes: later runs record no gap."""
    begins = NOW.replace(minute=minute, second=59)
    settings = SandboxSettings(operations_per_week={"emails": 600})
    with Sandbox(settings, Clock(begins)) as sandbox:
        session = session_for(sandbox, channels=("emails",), page_size=20, concurrency=1)
        pages = 30
        session.stats.watch(lambda _: sandbox.clock.advance(lasts / pages))
        first = run_load(session=session, pipeline=open_pipeline())
        codes = [first.exit_code]
        for pause in (timedelta(minutes=1), DAY):
            sandbox.clock.advance(pause)
            codes.append(load(sandbox, channels=("emails",)).exit_code)

    assert first.ended_at - first.started_at >= lasts / 2
    assert codes == [0, 0, 0]
    assert rows("select * from comms.gaps") == []
    assert true(sandbox, "emails").keys() <= stored("emails").keys()


def test_changing_the_width_of_windows_makes_no_gap() -> None:
    """Hours, two hours, ninety minutes, four hours, a day; each run reads only open windows."""
    settings = SandboxSettings(operations_per_week=2400)
    with Sandbox(settings, Clock(NOW)) as sandbox:
        load(sandbox)
        operations = []
        for minutes in (120, 90, 240, 1440, 60):
            sandbox.clock.advance(timedelta(minutes=1))
            summary = load(sandbox, window=timedelta(minutes=minutes))
            assert summary.exit_code == 0
            operations.append(summary.stats.operations)
        sandbox.clock.advance(DAY)
        assert load(sandbox, window=DAY).exit_code == 0

    assert max(operations) < 240
    assert rows("select * from comms.gaps") == []
    overlaps = rows(
        "select count(*) from comms.coverage a join comms.coverage b using (account, channel) "
        "where a.window_start < b.window_start and b.window_start < a.window_end"
    )
    assert overlaps == [(0,)]
