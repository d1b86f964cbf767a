"""Runs over time: they read what is due, record what is missing, and lose nothing."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from comms_source.channels import CHANNELS
from comms_source.commands.backfill import run_backfill
from comms_source.commands.load import run_load
from comms_source.commands.plan import ChannelPlan, plan_load
from comms_source.commands.status import read_status
from comms_source.commands.summary import RunSummary
from comms_source.destinations.locks import exclusive_run
from comms_source.destinations.pipeline import open_pipeline
from comms_source.errors import ConfigurationError, PipelineBusy
from comms_source.extract.run_stats import RunStats
from comms_source.sandbox import Clock, Fault, Sandbox, SandboxSettings
from comms_source.timespans import Span
from tests.support import FILE, NOW, load, session_for, settings_for, stored, true

HOUR = timedelta(hours=1)


def rows(query: str) -> list[tuple[Any, ...]]:
    """The result of a query on the warehouse."""
    with duckdb.connect(FILE, read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(query).fetchall()


def plans(sandbox: Sandbox, **changes: Any) -> list[ChannelPlan]:
    """What the next load would request."""
    settings = settings_for(sandbox, **changes)
    return plan_load(settings=settings, pipeline=open_pipeline(), now=sandbox.clock.now())


def backfill(sandbox: Sandbox, since: Any, until: Any = None, **changes: Any) -> RunSummary:
    """One backfill."""
    session = session_for(sandbox, **changes)
    return run_backfill(session=session, pipeline=open_pipeline(), since=since, until=until)


def requests_since(sandbox: Sandbox, count: int) -> list[Any]:
    """The requests after the first `count`."""
    return list(sandbox.requests)[count:]


@pytest.mark.slow
def test_a_small_account_costs_one_request_per_channel_and_run() -> None:
    """Forty operations a week: in the first run, in later ones, and after a long break."""
    with Sandbox(SandboxSettings(operations_per_week=40), Clock(NOW)) as sandbox:
        for pause in (0, 0.25, 1, 5, 24, 24 * 6, 24 * 30):
            sandbox.clock.advance(timedelta(hours=pause))
            read = load(sandbox).stats.channels.values()
            assert [record.pages for record in read] == [1, 1, 1]
            assert [record.requests - record.followed for record in read] == [1, 1, 1]
            assert all(record.followed <= 1 for record in read) or pause > 24 * 7
            for channel in CHANNELS:
                assert true(sandbox, channel).keys() <= stored(channel).keys()


@pytest.mark.slow
def test_a_second_run_reads_only_what_may_have_changed() -> None:
    """Young windows; the others only after a tenth of their age has passed."""
    with Sandbox(SandboxSettings(operations_per_week=6000), Clock(NOW)) as sandbox:
        first = load(sandbox)
        again = load(sandbox)
        sandbox.clock.advance(timedelta(days=2))
        later = load(sandbox)
        full = load(sandbox, refresh="full")

        assert first.stats.operations > 17_000
        assert again.stats.operations < 500
        assert later.stats.operations > 17_000
        assert full.stats.operations > 17_000
        assert stored("emails").items() >= true(sandbox, "emails").items()


@pytest.mark.slow
def test_eleven_days_without_a_run_leave_one_gap_per_channel(sandbox: Sandbox) -> None:
    """From the window that was open at the last run to the start of retention, reported once."""
    load(sandbox)
    sandbox.clock.advance(timedelta(days=11))
    foreseen = [plan.gaps for plan in plans(sandbox)]
    silent = load(sandbox)
    sandbox.clock.advance(HOUR)
    after = load(sandbox)

    # The run began half a minute after eleven's window had closed: too early to have seen it all.
    start, end = NOW.replace(hour=11, second=0), NOW.replace(hour=13, second=0)
    gap = Span(start, end + timedelta(days=4))
    assert foreseen == [[gap]] * 3
    assert (silent.exit_code, after.exit_code) == (3, 0)
    found = rows("select channel, gap_start, gap_end from comms.gaps order by channel")
    assert found == [(name, gap.start, gap.end) for name in sorted(CHANNELS)]
    status = read_status(
        settings=settings_for(sandbox), pipeline=open_pipeline(), now=sandbox.clock.now()
    )
    assert [channel.gaps for channel in status.channels] == [[gap]] * 3


@pytest.mark.slow
@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=0.3)])
def test_a_window_that_expires_while_it_is_read_is_in_the_gap_at_once(late: timedelta) -> None:
    """Cron starts loads on the hour, just when a window begins to leave retention."""
    settings = SandboxSettings(operations_per_week=100)
    on_the_hour = NOW.replace(minute=0, second=0)
    with Sandbox(settings, Clock(NOW, frozen=False)) as sandbox:
        exit_codes = []
        for days in (0, 11, 12):
            sandbox.clock.set(on_the_hour + timedelta(days=days) + late)
            exit_codes.append(load(sandbox, channels=["messages"]).exit_code)

    start, end = on_the_hour - HOUR, on_the_hour + timedelta(days=4) + HOUR
    assert exit_codes == [0, 3, 0]
    assert rows("select gap_start, gap_end from comms.gaps") == [(start, end)]


@pytest.mark.slow
def test_a_new_machine_plans_the_same_scans(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only the DuckDB file is copied: the coverage is in it."""
    with Sandbox(SandboxSettings(operations_per_week=3000), Clock(NOW)) as sandbox:
        load(sandbox)
        sandbox.clock.advance(timedelta(hours=30))
        load(sandbox)
        sandbox.clock.advance(timedelta(hours=3))
        here = plans(sandbox)
        (tmp_path / "elsewhere").mkdir()
        shutil.move(FILE, tmp_path / "elsewhere" / FILE)
        monkeypatch.chdir(tmp_path / "elsewhere")
        monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "fresh"))
        there = plans(sandbox)
        count = len(sandbox.requests)
        load(sandbox)

        assert there == here
        assert any(plan.scans for plan in here)
        assert len(requests_since(sandbox, count)) == sum(plan.requests for plan in here)
        assert not rows("select * from comms.gaps")


@pytest.mark.slow
def test_a_failed_scan_stays_due_and_does_not_stop_the_others(sandbox: Sandbox) -> None:
    """Its windows are read by the next run; those of the other channels are not read again."""
    sandbox.faults.replace([Fault(kind="internal_error", channel="emails")])
    broken = load(sandbox)
    sandbox.faults.replace([])
    mended = plans(sandbox)

    assert broken.exit_code == 3
    assert [len(plan.scans[0].reasons) for plan in mended] == [1, 1, 1]
    assert mended[1].scans[0].reasons == ("never read",)
    assert mended[0].scans[0].reasons == ("not closed when read",)
    assert load(sandbox).exit_code == 0
    assert stored("emails") == true(sandbox, "emails")


@pytest.mark.slow
def test_committed_parts_of_a_dead_run_are_kept() -> None:
    """What was committed is not read again; `runs` shows that the run died."""
    with Sandbox(SandboxSettings(operations_per_week=6000), Clock(NOW)) as sandbox:
        sandbox.faults.replace([Fault(kind="unauthorized", first=100)])
        with pytest.raises(Exception, match="401"):
            load(sandbox, page_size=50, commit_pages=20, channels=("emails",), concurrency=2)
        sandbox.faults.replace([])
        kept, count = len(stored("emails")), len(sandbox.requests)
        summary = load(sandbox, page_size=50, commit_pages=20, channels=("emails",))

        assert kept > 3000
        assert len(requests_since(sandbox, count)) < 60
        assert summary.exit_code == 0
        assert stored("emails") == true(sandbox, "emails")
        outcomes = rows("select outcome, error from comms.runs order by started_at, ended_at")
        assert sorted(outcomes) == [("complete", None), ("failed", "CredentialsRefused")]


@pytest.mark.slow
def test_a_large_run_commits_several_times() -> None:
    """After `commit_pages` pages; not more than about twice as many, however many scans run."""
    with Sandbox(SandboxSettings(operations_per_week=2000), Clock(NOW)) as sandbox:
        load(sandbox, page_size=50, commit_pages=20)
        tables = " union all ".join(
            f"select _dlt_load_id from comms.{channel.table}" for channel in CHANNELS.values()
        )
        counted = [
            count for (count,) in rows(f"select count(*) from ({tables}) group by _dlt_load_id")
        ]
        held = sum(len(true(sandbox, name)) for name in CHANNELS)

    a_scan = 500
    assert sum(counted) == held
    assert max(counted) <= 2 * 20 * 50 + a_scan


@pytest.mark.slow
def test_a_second_run_at_the_same_time_is_refused(sandbox: Sandbox) -> None:
    """The message names the first run, and no request is sent."""
    pipeline = open_pipeline()
    with (
        exclusive_run(pipeline, command="load"),
        pytest.raises(PipelineBusy, match=r"in progress: comms load \(PID \d+, started .*Z\)"),
    ):
        load(sandbox)

    assert not sandbox.requests
    assert load(sandbox).exit_code == 0


def hold(code: str) -> subprocess.Popen[str]:
    """Another process that runs `code`, and has printed that it is ready."""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


READER = f"""
import duckdb, sys, time
connection = duckdb.connect({FILE!r}, read_only=True)
print("ready", flush=True)
time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 60)
"""


@pytest.mark.slow
def test_a_load_waits_for_a_reader_of_the_file(sandbox: Sandbox) -> None:
    """When the reader ends, the load continues."""
    load(sandbox)
    sandbox.clock.advance(HOUR)
    with hold(READER.replace("60", "1.5")) as reader:
        summary = load(sandbox)
        reader.kill()

    assert summary.exit_code == 0


@pytest.mark.slow
def test_a_reader_that_keeps_the_file_is_named(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `max_lock_wait`; the message says what to do, and nothing is lost."""
    load(sandbox)
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__MAX_LOCK_WAIT", "1 second")
    with hold(READER) as reader:
        with pytest.raises(PipelineBusy, match=rf"PID {reader.pid}.*close that program"):
            load(sandbox)
        reader.kill()

    assert load(sandbox).exit_code == 0


@pytest.mark.slow
def test_a_reader_that_opens_the_file_during_a_read_loses_nothing(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was read stays in the working folder, and the next run loads it without requests."""
    load(sandbox)
    sandbox.clock.advance(timedelta(days=1))
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__MAX_LOCK_WAIT", "1 second")
    holders: list[subprocess.Popen[str]] = []
    session = session_for(sandbox)
    once = threading.Lock()

    def come(_: RunStats) -> None:
        if once.acquire(blocking=False):
            holders.append(hold(READER))

    session.stats.watch(come)
    with pytest.raises(PipelineBusy):
        run_load(session=session, pipeline=open_pipeline())
    holders[0].kill()
    holders[0].communicate()
    count = len(sandbox.requests)
    with caplog.at_level(logging.WARNING):
        summary = load(sandbox)

    assert "recovered: loaded the data that an interrupted run had already read" in caplog.text
    assert summary.exit_code == 0
    assert len(requests_since(sandbox, count)) == 3
    assert true(sandbox, "messages").items() <= stored("messages").items()


@pytest.mark.slow
@pytest.mark.parametrize("days", [7, 14])
def test_open_operations_past_retention_are_followed_by_id(days: int) -> None:
    """Until they end; if the API no longer has them, they are marked as such and kept."""
    choices = {"operations_per_week": {"messages": 200}, "fetch_retention": timedelta(days=days)}
    asked = []
    with Sandbox(SandboxSettings(**choices), Clock(NOW)) as sandbox:  # type: ignore[arg-type]
        for _ in range(5):
            load(sandbox, channels=("messages",))
            asked.append(sum(entry.endpoint == "fetch" for entry in sandbox.requests))
            sandbox.clock.advance(timedelta(days=3))
            sandbox.requests.clear()
    outcomes = {name for (name,) in rows("select distinct outcome from comms.followed_operations")}
    lost = rows(
        "select count(*) from comms.message_operations join comms.followed_operations "
        "on operation_id = id "
        "where outcome = 'not_found' and message_operations.status = 'SCHEDULED'"
    )

    assert asked[0] == 0
    assert asked[-1] > 0
    assert outcomes == ({"not_found"} if days == 7 else {"active", "ended"})
    assert (lost[0][0] > 0) == (days == 7)


@pytest.mark.slow
def test_backfill_covers_only_days_within_retention(sandbox: Sandbox) -> None:
    """It reads the whole range, but older days do not count as covered."""
    since, until = NOW - timedelta(days=20), NOW - timedelta(days=2)
    summary = backfill(sandbox, since, until)

    assert summary.exit_code == 0
    expected = {key: row for key, row in true(sandbox, "emails").items() if since <= row[2] < until}
    assert stored("emails") == expected
    first = rows("select min(window_start), bool_and(is_complete) from comms.coverage")[0]
    assert first == ((NOW - timedelta(days=7)).replace(minute=0, second=0), False)
    partial = rows("select count(*) from comms.coverage where not is_complete")
    assert partial == [(3,)]  # the windows that the API had half forgotten, one a channel
    spans = [(plan.scans[-1].span.start, plan.scans[0].reasons) for plan in plans(sandbox)]
    assert {reasons for _, reasons in spans} != {()}


@pytest.mark.slow
def test_backfill_continues_where_it_stopped(sandbox: Sandbox) -> None:
    """A failed chunk is read when the command is run again; the others are not."""
    sandbox.faults.replace([Fault(kind="internal_error", first=5, count=2)])
    since = NOW - timedelta(days=6)
    broken = backfill(sandbox, since, channels=("emails",), concurrency=1)
    count = len(sandbox.requests)
    mended = backfill(sandbox, since, channels=("emails",), concurrency=1)
    rest = len(requests_since(sandbox, count))
    again = backfill(sandbox, since, channels=("emails",), concurrency=1)

    assert (broken.exit_code, mended.exit_code, again.exit_code) == (3, 0, 0)
    assert rest == 1
    assert again.stats.requests == 7
    expected = {key: row for key, row in true(sandbox, "emails").items() if since <= row[2]}
    assert stored("emails") == expected


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        (timedelta(days=1), timedelta(hours=-1), "until.* still to come"),
        (timedelta(days=1), timedelta(days=1), "does not come before"),
        (timedelta(hours=-1), None, "since.* still to come"),
    ],
)
def test_backfill_refuses_invalid_ranges(
    sandbox: Sandbox, since: timedelta, until: timedelta | None, words: str
) -> None:
    """The message names the option; no request is sent."""
    with pytest.raises(ConfigurationError, match=words):
        backfill(sandbox, NOW - since, None if until is None else NOW - until)

    assert not sandbox.requests


@pytest.mark.slow
def test_runs_and_coverage_record_what_was_done(sandbox: Sandbox) -> None:
    """One row per run, and one per channel and window with the number of rows in the tables."""
    summary = load(sandbox)

    ((command, outcome, requests, operations),) = rows(
        "select command, outcome, requests, operations from comms.runs"
    )
    assert (command, outcome) == ("load", "complete")
    assert (requests, operations) == (summary.stats.requests, summary.stats.operations)
    for channel in CHANNELS.values():
        counted = rows(
            "select window_start, count(id) from comms.coverage left join comms."
            f"{channel.table} on created_at >= window_start and created_at < window_end "
            f"where channel = '{channel.name}' group by all "
            "having count(id) != any_value(rows_read)"
        )
        assert counted == []


@pytest.mark.slow
def test_status_names_the_deadline_and_what_failed(sandbox: Sandbox) -> None:
    """The deadline is the first window that was not read after it closed, plus seven days."""
    sandbox.faults.replace([Fault(kind="forbidden", channel="emails")])
    load(sandbox)

    stand = read_status(settings=settings_for(sandbox), pipeline=open_pipeline(), now=NOW)
    by_name = {channel.channel: channel for channel in stand.channels}
    assert by_name["messages"].deadline == NOW.replace(hour=11, second=0) + timedelta(days=7)
    assert by_name["emails"].deadline == NOW.replace(hour=13, second=0)
    assert stand.deadline == by_name["emails"].deadline
    assert (by_name["messages"].windows, by_name["messages"].fresh) == (169, 167)
    assert by_name["emails"].fresh == 0
    assert by_name["emails"].last_complete_read is None
    assert any("403" in failure for failure in by_name["emails"].failures)
    assert stand.last_run is not None
    assert stand.last_run.outcome == "incomplete"
    assert _dates(stand.as_dict()) != []


def _dates(content: Any) -> Sequence[str]:
    return [value for value in content.values() if isinstance(value, str) and value.endswith("Z")]


@pytest.mark.slow
def test_status_names_the_second_deadline(sandbox: Sandbox) -> None:
    """After a load the oldest window not yet in its last day freezes first, in a day."""
    load(sandbox)

    stand = read_status(settings=settings_for(sandbox), pipeline=open_pipeline(), now=NOW)
    assert stand.freezes_at is not None
    assert NOW + timedelta(hours=22) < stand.freezes_at <= NOW + timedelta(hours=26)
    assert all(channel.frozen == [] for channel in stand.channels)
    assert stand.deadline is not None
    assert stand.freezes_at < stand.deadline


@pytest.mark.slow
def test_status_shows_what_froze_without_a_load(sandbox: Sandbox) -> None:
    """After six days and 22 hours nothing is lost, but most of a week was last read too early."""
    load(sandbox)
    later = NOW + timedelta(days=6, hours=22)
    sandbox.clock.set(later)
    assert load(sandbox).exit_code == 0

    stand = read_status(settings=settings_for(sandbox), pipeline=open_pipeline(), now=later)
    for channel in stand.channels:
        assert channel.gaps == []
        first, last = channel.frozen[0].start, channel.frozen[-1].end
        assert NOW - timedelta(days=6, hours=2) <= first <= NOW - timedelta(days=5, hours=12)
        assert NOW - timedelta(hours=12) <= last <= NOW
    assert stand.as_dict()["channels"]["emails"]["frozen"] != []
