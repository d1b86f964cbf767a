"""An API that answers 400 outside its range is loaded like any other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from comms_source.channels import CHANNELS
from comms_source.commands.backfill import run_backfill
from comms_source.commands.check import Check, check_channel, check_channels
from comms_source.commands.load import run_load
from comms_source.destinations.pipeline import open_pipeline
from comms_source.extract.session import Session
from comms_source.sandbox import Clock, Sandbox, SandboxSettings
from comms_source.timespans import parse_instant
from tests.support import FILE, NOW, load, session_for, settings_for, stored, true

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WEEK = 7 * DAY
SETTINGS = SandboxSettings(operations_per_week=2000, out_of_range="refuse")


@pytest.fixture
def strict() -> Iterator[Sandbox]:
    """A sandbox that refuses a start before retention and an end in the future."""
    with Sandbox(SETTINGS, Clock(NOW)) as serving:
        yield serving


def statuses(sandbox: Sandbox, *, since: int = 0) -> list[int]:
    """The statuses of responses, from the given one on."""
    return [entry.status for entry in sandbox.requests][since:]


def surely_listed(sandbox: Sandbox, channel: str, *, from_: datetime) -> set[str]:
    """The operations that the API lists, without those of the last seconds."""
    rows = sandbox.truth(channel)
    until = sandbox.clock.now() - timedelta(seconds=3)
    return {row["id"] for row in rows if from_ <= created(row) < until}


def created(row: dict[str, Any]) -> datetime:
    """The creation time of an operation."""
    return parse_instant(row["createdAt"])


def gaps() -> int:
    """The number of recorded gaps."""
    with duckdb.connect(FILE, read_only=True) as connection:
        found = connection.execute("select count(*) from comms.gaps").fetchone()
    assert found is not None
    return int(found[0])


def check(sandbox: Sandbox, **changes: Any) -> list[Check]:
    """The checks of each channel, by the sandbox's clock."""
    session = session_for(sandbox, page_size=1, **changes)
    with session.connected() as client:
        return [
            check_channel(client, channel, session=session) for channel in session.settings.selected
        ]


@pytest.mark.slow
@pytest.mark.parametrize("out_of_range", ["refuse", "refuse_start", "refuse_end"])
def test_a_first_load_is_complete_and_is_refused_once(out_of_range: Any) -> None:
    """All listed operations are loaded, except a minute at the start and seconds at the end."""
    settings = replace(SETTINGS, out_of_range=out_of_range)
    with Sandbox(settings, Clock(NOW)) as sandbox:
        summary = load(sandbox, concurrency=1)

        assert summary.exit_code == 0
        assert not summary.stats.channels["messages"].failures
        # The channels begin side by side, and each may be refused before another's answer is here.
        assert 1 <= statuses(sandbox).count(400) <= len(CHANNELS)
        for channel in CHANNELS:
            edge = NOW - WEEK + MINUTE + timedelta(seconds=2)
            assert surely_listed(sandbox, channel, from_=edge) <= stored(channel).keys()
            assert stored(channel).items() <= true(sandbox, channel).items()


@pytest.mark.slow
def test_one_channel_costs_one_refused_request(strict: Sandbox) -> None:
    """For any number of scans, and however often they are retried."""
    summary = load(strict, channels=("messages",), page_size=50)

    assert summary.stats.channels["messages"].scans_done > 3
    assert statuses(strict).count(400) == 1


@pytest.mark.slow
def test_a_second_load_is_complete_without_a_gap(strict: Sandbox) -> None:
    """Five hours later, when the windows at the start have expired."""
    load(strict)
    strict.clock.advance(5 * HOUR)
    before = len(strict.requests)

    summary = load(strict)

    assert summary.exit_code == 0
    assert gaps() == 0
    assert 1 <= statuses(strict, since=before).count(400) <= len(CHANNELS)
    for channel in CHANNELS:
        assert surely_listed(strict, channel, from_=NOW - WEEK + HOUR) <= stored(channel).keys()


@pytest.mark.slow
def test_nine_days_of_daily_loads_leave_no_gap() -> None:
    """No partly read window counts as read, and none at the start is lost."""
    settings = replace(SETTINGS, operations_per_week=100)
    with Sandbox(settings, Clock(NOW)) as sandbox:
        for _ in range(9):
            assert load(sandbox, channels=("emails",)).exit_code == 0
            sandbox.clock.advance(25 * HOUR)

        assert gaps() == 0
        with duckdb.connect(FILE, read_only=True) as connection:
            early = connection.execute(
                "select count(*) from comms.coverage where is_complete and "
                "(read_at < window_end or window_start < ?)",
                [NOW - WEEK + MINUTE],
            ).fetchone()
        assert early == (0,)


@pytest.mark.slow
def test_a_retention_that_is_shorter_than_the_setting_is_named() -> None:
    """The API keeps 5 days, the setting says 7: nothing is loaded, and the message says why.

    With the setting right, all is loaded.
    """
    settings = replace(SETTINGS, retention=5 * DAY)
    with Sandbox(settings, Clock(NOW)) as short:
        failed = load(short)

        assert failed.exit_code == 1
        for record in failed.stats.channels.values():
            (failure,) = record.failures
            assert failure.error == "RequestRefused"
            assert "startDate must not be before the retention" in failure.message
            assert "also within a narrower range" in failure.message
            assert failure.message.endswith(
                "if the API keeps operations for less than 7 days, set retention"
            )
        assert [found.kind for found in check(short)] == ["other"] * 3
        assert "set retention" in check(short)[0].detail

        # The failed load owed seven days, so the two that the API had forgotten are a gap, once.
        assert [load(short, retention=5 * DAY).exit_code for _ in range(2)] == [3, 0]
        assert gaps() == 3
        for channel in CHANNELS:
            edge = NOW - 5 * DAY + MINUTE + timedelta(seconds=2)
            assert surely_listed(short, channel, from_=edge) <= stored(channel).keys()


@pytest.mark.slow
def test_a_chain_overtaken_by_retention_loads_each_row_once(strict: Sandbox) -> None:
    """A slow load starts its oldest scan over; repeated rows are dropped."""

    def slow() -> datetime:
        strict.clock.advance(timedelta(seconds=8))
        return strict.clock.now()

    settings = settings_for(strict, channels=("emails",), page_size=40, concurrency=1)
    session = Session(settings=settings, clock=slow)

    summary = run_load(session=session, pipeline=open_pipeline())

    assert summary.exit_code == 0
    assert statuses(strict).count(400) > 1
    assert session.allowed.margin is not None
    assert MINUTE < session.allowed.margin < HOUR
    edge, end = NOW - WEEK + HOUR, NOW - MINUTE
    due = {row["id"] for row in strict.truth("emails") if edge <= created(row) < end}
    assert due <= stored("emails").keys()


@pytest.mark.slow
def test_a_backfill_of_a_refused_range_fails_day_by_day(strict: Sandbox) -> None:
    """An explicit range is never skipped silently; the later days are loaded."""
    session = session_for(strict, channels=("emails",))
    since = NOW - 9 * DAY

    summary = run_backfill(session=session, pipeline=open_pipeline(), since=since, until=None)

    failures = summary.stats.channels["emails"].failures
    assert summary.exit_code == 3
    assert [failure.span.start.day for failure in failures] == [11, 12]
    assert {failure.error for failure in failures} == {"RequestRefused"}
    edge = NOW - WEEK + MINUTE + timedelta(seconds=2)
    assert surely_listed(strict, "emails", from_=edge) <= stored("emails").keys()


def test_check_requests_the_range_of_a_load(strict: Sandbox) -> None:
    """One operation of the same range; a remark says if the API refused it."""
    found = check(strict)

    remark = "the API refuses a range beyond 7 days or up to now, so loads ask for 1 minute less"
    assert all(each.passed for each in found)
    assert all(remark in each.detail for each in found)
    assert statuses(strict) == [400, 200, 200, 200]
    assert {entry.parameters["pageSize"] for entry in strict.requests} == {"1"}
    starts = [parse_instant(entry.parameters["startDate"]) for entry in strict.requests]
    assert starts[0] <= NOW - WEEK < min(starts[1:])


def test_check_passes_by_this_machines_clock_too() -> None:
    """As in the command, with the real clock."""
    with Sandbox(SETTINGS) as sandbox:
        assert [each.passed for each in check_channels(settings_for(sandbox))] == [True] * 3


def test_check_has_no_remark_without_a_refusal(sandbox: Sandbox) -> None:
    """One request per channel."""
    assert [each.detail for each in check(sandbox)] == ["readable"] * 3
    assert statuses(sandbox) == [200, 200, 200]
