"""Runs side by side, each in a lane: nothing lost, nothing twice, and one ledger in the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source import tasks
from comms_source.channels import CHANNELS
from comms_source.commands.backfill import run_backfill
from comms_source.commands.load import run_load
from comms_source.commands.plan import plan_load
from comms_source.commands.status import read_status
from comms_source.commands.summary import RunSummary
from comms_source.destinations.lanes import Lane, base_name, claims, in_lane, pipeline_name
from comms_source.destinations.locks import in_turn, only_run
from comms_source.destinations.pipeline import open_pipeline
from comms_source.errors import ConfigurationError, PipelineBusy
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Fault, Sandbox
from comms_source.timespans import Span
from tests.postgres import Postgres
from tests.support import FILE, NOW, load, session_for, settings_for, stored, true

DAY = timedelta(days=1)
MESSAGES = Lane(account="default", channel="messages")
labels = st.text(min_size=1).filter(str.strip)


def load_in_lane(sandbox: Sandbox, channel: str) -> RunSummary:
    """One run of one channel, in its lane, into this folder's DuckDB file."""
    lane = Lane(account="default", channel=channel)
    session = session_for(sandbox, channels=[channel])
    return run_load(session=session, pipeline=open_pipeline(lane=lane))


def rows(query: str) -> list[Any]:
    """What DuckDB answers."""
    with duckdb.connect(FILE, read_only=True) as connection:
        return connection.execute(query).fetchall()


@given(labels, labels, st.sampled_from(list(CHANNELS)), st.sampled_from(list(CHANNELS)))
def test_lanes_have_different_names_that_fit_everywhere(
    one: str, other: str, channel: str, another: str
) -> None:
    """Whatever the labels: short, of plain letters, and the name without a lane is in them."""
    lanes = [Lane(account=one, channel=channel), Lane(account=other, channel=another)]
    span = Span(NOW, NOW + DAY)
    lanes.append(Lane(account=one, channel=channel, span=span))
    names = [pipeline_name("twilio_comms", lane) for lane in lanes]

    assert len(set(names)) == len(set(lanes))
    assert all(name.isascii() and name.replace("_", "").isalnum() for name in names)
    assert all(len(name) <= 63 for name in names)
    assert all(len(lane.staging) < 40 for lane in lanes)
    assert {base_name(name) for name in names} == {"twilio_comms"}
    assert all(in_lane(name) for name in names)


def test_a_run_claims_its_channels_whether_in_a_lane_or_not() -> None:
    """So the two keep out of each other's way, and other channels do not matter."""
    lane = claims(pipeline_name("p", MESSAGES), account="default", channels=["messages"])
    together = claims("p", account="default", channels=["emails", "messages"])
    other = claims("p", account="other", channels=["messages"])

    assert lane == [MESSAGES.name]
    assert set(lane) < set(together)
    assert not set(lane) & set(other)
    assert claims("p__some_range_1", account="default", channels=[]) == ["some_range_1"]


def test_who_comes_second_to_a_channel_is_refused(sandbox: Sandbox) -> None:
    """A run without lanes while a lane is at work, and the other way round; others go on."""
    claimed = claims(pipeline_name("p", MESSAGES), account="default", channels=["messages"])
    with only_run(open_pipeline(), command="load", claims=claimed):
        with pytest.raises(PipelineBusy, match="comms load"):
            load(sandbox)
        with pytest.raises(PipelineBusy, match="comms load"):
            load_in_lane(sandbox, "messages")
        assert load_in_lane(sandbox, "emails").exit_code == 0


def test_lanes_and_runs_without_go_on_from_one_another(sandbox: Sandbox) -> None:
    """Each knows what the other has read, so nothing is read for nothing, and no gap is found."""
    assert load(sandbox).exit_code == 0
    began = sandbox.clock.now()
    for days in (5, 10):
        sandbox.clock.set(began + timedelta(days=days))
        summary = load_in_lane(sandbox, "messages")
        assert summary.exit_code == 0
        assert summary.views == []
    status = read_status(
        settings=settings_for(sandbox), pipeline=open_pipeline(), now=sandbox.clock.now()
    )
    sandbox.clock.advance(timedelta(minutes=1))
    (plan, *_) = plan_load(
        settings=settings_for(sandbox), pipeline=open_pipeline(), now=sandbox.clock.now()
    )
    together = load(sandbox)

    assert status.channels[0].last_complete_read == sandbox.clock.now().replace(second=30) - (
        timedelta(minutes=1)
    )
    assert not plan.gaps
    assert together.journal.channels["messages"].gaps == []
    assert together.journal.channels["messages"].operations < summary.journal.operations
    gaps = rows("select distinct channel from comms.gaps order by channel")
    assert gaps == [("emails",), ("push_notifications",)]
    assert together.exit_code == 3
    assert stored("messages").keys() >= true(sandbox, "messages").keys()


def test_a_backfill_in_a_lane_goes_on_and_leaves_the_ledger_to_loads(sandbox: Sandbox) -> None:
    """It was interrupted: done parts are not read again. Its folder and staging tables go."""
    midnight = NOW.replace(hour=0, minute=0, second=0)
    day = Span(midnight - 3 * DAY, midnight)
    lane = Lane(account="default", channel="emails", span=day)

    def backfill() -> RunSummary:
        return run_backfill(
            session=session_for(sandbox, channels=["emails"], concurrency=1),
            pipeline=open_pipeline(lane=lane),
            since=day.start,
            until=day.end,
        )

    sandbox.faults.replace([Fault(kind="no_envelope", first=2, count=1)])
    assert backfill().exit_code == 3
    sandbox.faults.replace([])
    first = len(sandbox.requests)
    assert backfill().exit_code == 0

    expected = {
        key: row for key, row in true(sandbox, "emails").items() if day.start <= row[2] < day.end
    }
    assert stored("emails") == expected
    assert len(sandbox.requests) - first < first
    assert rows("select count(*) from comms.coverage") == [(0,)]
    assert rows("from information_schema.schemata where schema_name like '%staging%'") == []
    assert not list(Path(os.environ["DLT_DATA_DIR"]).rglob(pipeline_name("twilio_comms", lane)))
    assert load(sandbox).exit_code == 0
    assert stored("emails") == true(sandbox, "emails")


SCRIPT = """
import json, sys
from comms_source import tasks
print(json.dumps(tasks.load(**json.loads(sys.argv[1])).as_dict()))
"""


@pytest.mark.usefixtures("views")
def test_tasks_at_the_same_time_fill_a_database_as_one_run_does(
    postgres: Postgres, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three processes, from the first load on, each with its channel; then one for the views."""
    sandbox.clock.set(datetime.now(UTC).replace(microsecond=0))
    for name, value in {
        "TWILIO_ACCOUNT_SID": ACCOUNT_ID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "SOURCES__COMMS_SOURCE__BASE_URL": sandbox.url,
        "DESTINATION_TYPE": "postgres",
        "DESTINATION__POSTGRES__CREDENTIALS": postgres.make_database("lanes"),
        "COMMS_PROJECT": str(Path.cwd()),
    }.items():
        monkeypatch.setenv(name, value)
    listed = tasks.of_load()
    assert listed == [{"account": "default", "channel": channel} for channel in CHANNELS]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, json.dumps(each)], stdout=subprocess.PIPE, cwd="/"
        )
        for each in listed
    ]
    told = [json.loads(process.communicate(timeout=120)[0]) for process in running]

    assert [each["outcome"] for each in told] == ["complete"] * 3
    assert "daily_delivery" in tasks.views()
    (status,) = tasks.statuses()
    assert status.deadline is not None
    assert {c.channel: c.operations for c in status.channels} == {
        channel: len(sandbox.truth(channel)) for channel in CHANNELS
    }
    with postgres.connect("lanes") as cursor:
        for channel in CHANNELS.values():
            cursor.execute(f"select id, status from comms.{channel.table}")
            expected = {(row["id"], row["status"]) for row in sandbox.truth(channel.name)}
            assert set(cursor.fetchall()) == expected
        cursor.execute("select count(*), count(distinct run_id) from comms.runs")
        assert cursor.fetchone() == (3, 3)


def test_the_days_of_a_backfill_are_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each day of each account's channel, in UTC, half-open; a range to come is refused."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)

    (Path.cwd() / "settings").mkdir()
    monkeypatch.setenv("COMMS_PROJECT", "settings")
    listed = tasks.of_backfill("2026-11-01T12:00:00Z", "2026-11-03", channels=["emails"])

    assert [(each["channel"], each["since"], each["until"]) for each in listed] == [
        ("emails", "2026-11-01T12:00:00Z", "2026-11-02T00:00:00Z"),
        ("emails", "2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z"),
    ]
    with pytest.raises(ConfigurationError, match="still to come"):
        tasks.of_backfill("2026-11-01", "2999-01-01")


def test_loading_goes_in_turn() -> None:
    """Whoever comes second waits for whoever loads, in whichever lane."""
    pipeline = open_pipeline()
    script = (
        "from comms_source.destinations.locks import in_turn\n"
        "from comms_source.destinations.pipeline import open_pipeline\n"
        "print('ready', flush=True)\n"
        "with in_turn(open_pipeline()): print('loading', flush=True)\n"
    )
    with in_turn(pipeline):
        other = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert other.stdout
        assert other.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=0.5)
    assert other.communicate(timeout=30)[0] == "loading\n"


def test_that_a_wait_for_another_load_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `load_wait` the run says which process loads, and since when."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__LOAD_WAIT", "0.2 seconds")
    said = rf"process {os.getpid()}, since .*load_wait, 0.2 seconds.*load again later"
    with (
        in_turn(open_pipeline()),
        pytest.raises(PipelineBusy, match=said),
        in_turn(open_pipeline()),
    ):
        pytest.fail("two runs have the turn")
