"""Each observed state of an operation is in the history once, in DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import httpx
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from comms_source import comms_source
from comms_source.channels import CHANNELS
from comms_source.commands.backfill import run_backfill
from comms_source.commands.fetch import run_fetch
from comms_source.commands.load import run_load
from comms_source.config.credentials import BasicCredentials
from comms_source.config.settings import Settings
from comms_source.destinations.dlt_errors import _own_error
from comms_source.destinations.pipeline import open_pipeline
from comms_source.dlt_resources.load_packages import operation_resources
from comms_source.errors import ConfigurationError
from comms_source.extract.session import Session
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, Fault, Sandbox
from comms_source.timespans import to_iso
from tests.support import FILE, NOW, last_second, load, session_for, stored, true

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ID = "comms_operation_01h2xcejqtf2nbrexx3vqjhp41"
Row = dict[str, Any]


def histories(channel: str = "messages") -> list[Row]:
    """A channel's history: the states of each operation in order."""
    with duckdb.connect(FILE, read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        table = f"comms.{CHANNELS[channel].history_table}"
        found = connection.sql(f"select * from {table} order by id, valid_from")
        rows: list[Row] = found.to_arrow_table().to_pylist()
    return rows


def all_histories() -> dict[str, list[Row]]:
    """Every channel's history."""
    return {channel: histories(channel) for channel in CHANNELS}


class OneOperation:
    """An API with one operation, in the states that a test sets."""

    def __init__(self, created: datetime = NOW - DAY) -> None:
        """Create an operation with creation time `created`; lists are still empty."""
        self.clock = Clock(NOW)
        self.created = created
        self.listed: list[Row] = []
        """What lists show: the operation, or several states of it at once."""
        self.by_id: Row = {}

    def session(self, **changes: Any) -> Session:
        """A session that reads nothing else."""
        credentials = BasicCredentials(ACCOUNT_ID, AUTH_TOKEN)
        given = {"base_url": "http://localhost/v1", "channels": ("messages",), "refresh": "full"}
        return Session(
            settings=Settings(credentials=credentials, **{**given, **changes}),
            clock=self.clock.now,
            transport=httpx.MockTransport(self._answer),
        )

    def show(self, *states: Mapping[str, Any]) -> None:
        """Load while lists show these states, a minute after the previous load."""
        self.listed = [self.row(state) for state in states]
        self.clock.advance(MINUTE)
        summary = run_load(session=self.session(), pipeline=open_pipeline())
        assert summary.exit_code == 0

    def row(self, state: Mapping[str, Any]) -> Row:
        """The operation in a state, with a constant `updatedAt`."""
        created = to_iso(self.created)
        times = {"createdAt": created, "updatedAt": created}
        return {"id": ID, "status": "PROCESSING", **times, **state}

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/Operations"):
            return httpx.Response(200, json={"operations": self.listed, "pagination": {}})
        return httpx.Response(200, json=self.by_id)


def counts(**stats: int | None) -> Row:
    """A state with these counters."""
    return {"stats": stats}


@pytest.mark.slow
def test_reading_the_same_again_adds_nothing(sandbox: Sandbox) -> None:
    """Everything is read twice while the clock stands still."""
    load(sandbox, refresh="full")
    before, asked = all_histories(), len(sandbox.requests)

    load(sandbox, refresh="full")

    assert len(sandbox.requests) == 2 * asked
    assert all_histories() == before
    assert {name: len(rows) for name, rows in before.items()} == {
        name: len(stored(name)) for name in CHANNELS
    }


@pytest.mark.slow
def test_a_change_ends_the_previous_state(sandbox: Sandbox) -> None:
    """Where the new one begins; otherwise the row of the previous state does not change."""
    load(sandbox)
    before = {row["id"]: row for row in histories()}
    sandbox.clock.advance(DAY)

    load(sandbox, refresh="full")

    now = sandbox.clock.now()
    after = [row for row in histories() if row["id"] in before]
    ended = [row for row in after if row["valid_to"]]
    begun = [row for row in after if row["valid_from"] == now]
    assert ended
    assert ended == [before[row["id"]] | {"valid_to": now} for row in begun]
    assert all(row["valid_to"] is None for row in begun)
    assert {row["id"] for row in after} == before.keys()


@pytest.mark.slow
def test_current_states_equal_the_operations(sandbox: Sandbox) -> None:
    """One for each operation."""
    for _ in range(3):
        load(sandbox)
        sandbox.clock.advance(timedelta(hours=7))

    for name, channel in CHANNELS.items():
        current = [row for row in histories(name) if row["valid_to"] is None]
        shown = {row["id"]: tuple(row[c] for c in channel.counters) for row in current}
        assert len(current) == len(shown)
        assert shown == {key: row[4:-1] for key, row in stored(name).items()}


@pytest.mark.slow
def test_each_change_is_one_row_and_a_state_may_return() -> None:
    """Counters go up and down, appear and disappear, without a new `updatedAt`."""
    api = OneOperation()
    planned, sent = counts(queued=5, sent=0), counts(queued=4, sent=1)
    lives = [planned, sent, sent, planned, planned, counts(queued=5), counts(queued=5, read=0)]

    for state in [*lives, planned | {"status": "CANCELED"}]:
        api.show(state)

    rows = histories()
    assert [(row["status"], row["queued"], row["sent"], row["read"]) for row in rows] == [
        ("PROCESSING", 5, 0, None),
        ("PROCESSING", 4, 1, None),
        ("PROCESSING", 5, 0, None),
        ("PROCESSING", 5, None, None),
        ("PROCESSING", 5, None, 0),
        ("CANCELED", 5, 0, None),
    ]
    assert rows[0]["row_version"] == rows[2]["row_version"]
    begun = [NOW + count * MINUTE for count in (1, 2, 4, 6, 7, 8)]
    assert [row["valid_from"] for row in rows] == begun
    assert [row["valid_to"] for row in rows] == [*begun[1:], None]


@pytest.mark.slow
def test_changes_of_other_fields_make_no_new_state() -> None:
    """Neither `updatedAt` nor a field without a column is part of a state."""
    api = OneOperation()
    api.show(counts(sent=1))

    api.show(counts(sent=1) | {"updatedAt": to_iso(NOW), "tags": {"campaign": "spring"}})

    (row,) = histories()
    assert (row["updated_at"], row["synced_at"]) == (NOW - DAY, NOW + MINUTE)


@pytest.mark.slow
def test_an_operation_twice_in_one_scan_is_one_state() -> None:
    """Otherwise both would become current; the first row counts."""
    api = OneOperation()

    api.show(counts(queued=2), counts(queued=1))
    api.show(counts(queued=1), counts(queued=2))

    assert [(row["queued"], row["valid_to"]) for row in histories()] == [
        (2, NOW + 2 * MINUTE),
        (1, None),
    ]
    assert stored("messages")[ID][4 + CHANNELS["messages"].counters.index("queued")] == 1


@pytest.mark.slow
def test_an_open_operation_still_listed_is_not_requested_by_id() -> None:
    """List and fetch may differ, and one package has one state of an operation."""
    api = OneOperation(created=NOW - 7 * DAY + MINUTE)
    api.show({"status": "SCHEDULED"})
    api.by_id = api.row({"status": "CANCELED"})

    api.show({"status": "PROCESSING"})
    then = [(row["status"], row["valid_to"]) for row in histories()]
    api.show()

    assert api.created < NOW + 2 * MINUTE - 7 * DAY
    assert then == [("SCHEDULED", NOW + 2 * MINUTE), ("PROCESSING", None)]
    assert [(row["status"], row["valid_to"]) for row in histories()] == [
        ("SCHEDULED", NOW + 2 * MINUTE),
        ("PROCESSING", NOW + 3 * MINUTE),
        ("CANCELED", None),
    ]


@pytest.mark.slow
def test_without_history_the_tables_exist_and_are_empty(sandbox: Sandbox) -> None:
    """So that views and reports can read them."""
    load(sandbox, history=False)
    sandbox.clock.advance(DAY)
    load(sandbox, history=False)

    assert all(stored(channel) for channel in CHANNELS)
    assert all_histories() == {channel: [] for channel in CHANNELS}


@pytest.mark.slow
def test_a_history_can_be_turned_off_and_on_again(
    sandbox: Sandbox,
) -> None:
    """It keeps its states; what changed meanwhile is one new state."""
    load(sandbox)
    before = all_histories()
    for _ in range(2):
        sandbox.clock.advance(DAY)
        load(sandbox, history=False)
    assert all_histories() == before

    load(sandbox, refresh="full")

    now = sandbox.clock.now()
    assert {row["valid_from"] for row in histories()} == {NOW, now}
    assert {row["valid_to"] for row in histories()} == {None, now}


@pytest.mark.slow
def test_fetching_an_operation_by_id_adds_to_its_history(sandbox: Sandbox) -> None:
    """By the same rules: only a change adds a row."""
    load(sandbox)
    before = histories()
    sandbox.clock.advance(DAY)
    then, now = stored("messages"), true(sandbox, "messages")
    moved = next(key for key in then if key in now and now[key][4:] != then[key][4:])

    for _ in range(2):
        run_fetch(session=session_for(sandbox), pipeline=open_pipeline(), ids=[moved])

    after = histories()
    of_it = [(row["valid_from"], row["valid_to"]) for row in after if row["id"] == moved]
    assert of_it == [(NOW, NOW + DAY), (NOW + DAY, None)]
    others = [row for row in before if row["id"] != moved]
    assert [row for row in after if row["id"] != moved] == others


@pytest.mark.slow
@pytest.mark.parametrize("history", [True, False])
def test_a_plain_pipeline_run_keeps_the_history_too(sandbox: Sandbox, history: bool) -> None:
    """Dated by the end of its read; `history=False` turns it off."""
    began = last_second()
    sandbox.clock.set(began)
    pipeline = dlt.pipeline("twilio_comms", destination="duckdb", dataset_name="comms")
    given: dict[str, Any] = {"credentials": {"account_id": ACCOUNT_ID, "auth_token": AUTH_TOKEN}}
    source = comms_source(base_url=sandbox.url, refresh="full", history=history, **given)

    pipeline.run(source)
    ended = datetime.now(UTC)
    pipeline.run(source)

    for channel, rows in all_histories().items():
        assert {row["id"] for row in rows} == (stored(channel).keys() if history else set())
        assert all(began <= row["synced_at"] <= row["valid_from"] <= ended for row in rows)
        assert len({row["valid_from"] for row in rows}) == history


@pytest.mark.slow
def test_a_new_counter_becomes_a_column_of_the_history(sandbox: Sandbox) -> None:
    """An operation that has it gets a new state, and no other does."""
    load(sandbox)
    before = histories("emails")
    sandbox.faults.replace([Fault(kind="new_counter", channel="emails", rows=7)])

    load(sandbox, refresh="full")

    after = histories("emails")
    counted = [row for row in after if row["clicked"] is not None]
    assert {row["clicked"] for row in counted} == {7}
    assert 0 < len(counted) < len(before)
    assert len(after) == len(before) + len(counted)
    ended = {row["id"] for row in after if row["valid_to"] is not None}
    assert ended == {row["id"] for row in counted}


@pytest.mark.slow
def test_a_backfill_keeps_the_states_that_it_reads(sandbox: Sandbox) -> None:
    """If nothing changes, a load adds only states of other operations."""
    session, pipeline = session_for(sandbox), open_pipeline()
    run_backfill(session=session, pipeline=pipeline, since=NOW - 2 * DAY, until=NOW - DAY)
    before = histories()

    load(sandbox)

    assert before
    assert {row["id"] for row in before} < stored("messages").keys()
    assert len(histories()) == len(stored("messages"))
    assert [
        row for row in histories() if row["_dlt_load_id"] == before[0]["_dlt_load_id"]
    ] == before


@pytest.mark.slow
def test_what_a_dead_run_had_read_keeps_its_date(sandbox: Sandbox) -> None:
    """It is loaded first, and what the next run reads is dated after it."""
    pipeline = open_pipeline()
    resources = operation_resources(session_for(sandbox))
    pipeline.extract(dlt.source(lambda: resources, name="comms_source", section="comms_source")())
    sandbox.clock.advance(DAY)

    load(sandbox)

    now = sandbox.clock.now()
    assert {row["valid_from"] for row in histories()} == {NOW, now}
    assert {row["valid_to"] for row in histories()} == {None, now}


def test_plain_files_are_refused_before_any_request(sandbox: Sandbox, tmp_path: Path) -> None:
    """They cannot merge: each row that is read again would be a duplicate."""
    files = dlt.destinations.filesystem(str(tmp_path / "lake"))
    pipeline = dlt.pipeline("lake", destination=files, dataset_name="comms")

    with pytest.raises(PipelineStepFailed, match="plain files") as failed:
        pipeline.run(operation_resources(session_for(sandbox)))

    assert isinstance(_own_error(failed.value), ConfigurationError)
    assert not sandbox.requests
