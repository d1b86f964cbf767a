"""Histories that this project merges itself: each observed state is in the table once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.channels import CHANNELS
from comms_source.tables.history import history_table
from comms_source.tables.history_upserts import KEY, successors

SCHEMA = history_table(CHANNELS["messages"]).schema
THEN = datetime(2026, 11, 19, 6, 20, tzinfo=UTC)
SECOND, TICK = timedelta(seconds=1), timedelta(microseconds=1)

Row = dict[str, Any]
Read = dict[str, int]
"""The version in which each operation is read."""

reads = st.dictionaries(st.sampled_from("abc"), st.integers(1, 3))
lives = st.lists(st.tuples(reads, st.integers(-1, 2)), max_size=8)


class Lake:
    """A history that is merged by `KEY`, row by row, as a lake does it."""

    def __init__(self) -> None:
        """Start without a table."""
        self.rows: dict[Any, Row] | None = None

    def see(self, read: Read, at: datetime, *, rows: int | None = None) -> pa.Table:
        """Merge the rows of a read, or the first `rows` of them before the merge is interrupted."""
        staged = successors(seen(read), self.current(), read_at=at)
        self.rows = self.rows or {}
        for row in staged.to_pylist()[:rows]:
            self.rows[tuple(row[column] for column in KEY)] = row
        return staged

    def current(self) -> pa.Table | None:
        """The current rows before a read; None before there is a table."""
        if self.rows is None:
            return None
        empty = successors(seen({}), None, read_at=THEN).schema
        return pa.Table.from_pylist([r for r in self.rows.values() if not r["valid_to"]], empty)

    def states(self) -> dict[str, list[Row]]:
        """The states of each operation, in order."""
        rows = sorted((self.rows or {}).values(), key=lambda row: (row["id"], row["valid_from"]))
        return {key: list(of_it) for key, of_it in groupby(rows, key=lambda row: str(row["id"]))}


def seen(read: Mapping[str, int]) -> pa.Table:
    """States as they are staged."""
    rows = [
        {"id": key, "account": "acme", "created_at": THEN, "synced_at": THEN}
        | {"_dlt_load_id": "17", "row_version": version, "sent": 10 * version}
        for key, version in read.items()
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def versions(lake: Lake) -> dict[str, list[int]]:
    """The versions of each operation, in order."""
    return {key: [row["row_version"] for row in rows] for key, rows in lake.states().items()}


def changes(reads: Sequence[Read]) -> dict[str, list[int]]:
    """The expected versions: one that differs from the previous one is a new state."""
    expected: dict[str, list[int]] = {}
    for read in reads:
        for key, version in read.items():
            states = expected.setdefault(key, [])
            if states[-1:] != [version]:
                states.append(version)
    return expected


def assert_contiguous(lake: Lake) -> None:
    """Each state ends where the next begins, and one has no end."""
    for rows in lake.states().values():
        assert all(one["valid_to"] == then["valid_from"] for one, then in pairwise(rows))
        assert all(one["valid_from"] < then["valid_from"] for one, then in pairwise(rows))
        assert rows[-1]["valid_to"] is None


@given(lives)
def test_each_change_is_one_state_and_a_state_may_return(
    life: Sequence[tuple[Read, int]],
) -> None:
    """For any order of states, even if the clock stops or goes back."""
    lake, at = Lake(), THEN

    for read, passed in life:
        at += passed * SECOND
        lake.see(read, at)

    assert versions(lake) == changes([read for read, _ in life])
    assert_contiguous(lake)


@given(lives, reads, st.integers(0, 6))
def test_the_next_read_repairs_an_interrupted_merge(
    life: Sequence[tuple[Read, int]], last: Read, rows: int
) -> None:
    """Some rows of a dropped package may have been merged; then the same is read again."""
    lake = Lake()
    for day, (read, _) in enumerate(life):
        lake.see(read, THEN + day * SECOND)

    lake.see(last, THEN + len(life) * SECOND, rows=rows)
    lake.see(last, THEN + (len(life) + 1) * SECOND)

    assert versions(lake) == changes([*(read for read, _ in life), last])
    assert_contiguous(lake)


@pytest.mark.slow
@given(lives)
def test_merging_the_same_rows_again_changes_nothing(life: Sequence[tuple[Read, int]]) -> None:
    """A retried load job merges the same rows again."""
    lake = Lake()
    for day, (read, _) in enumerate(life):
        staged = lake.see(read, THEN + day * SECOND)
        before = lake.states()
        for row in staged.to_pylist():
            assert lake.rows is not None
            lake.rows[tuple(row[column] for column in KEY)] = row
        assert lake.states() == before


def test_a_state_is_valid_from_when_it_had_been_read() -> None:
    """It ends at the instant from which the next state is valid."""
    lake = Lake()
    lake.see({"a": 1}, THEN)
    lake.see({"a": 1}, THEN + SECOND)
    lake.see({"a": 2}, THEN + 2 * SECOND)

    (first, second) = lake.states()["a"]
    assert (first["valid_from"], first["valid_to"]) == (THEN, THEN + 2 * SECOND)
    assert (second["valid_from"], second["valid_to"]) == (THEN + 2 * SECOND, None)


def test_two_states_read_at_the_same_instant_follow_each_other() -> None:
    """Otherwise they would have the same key, and one would be lost."""
    lake = Lake()
    lake.see({"a": 1}, THEN)
    lake.see({"a": 2}, THEN)

    assert [row["valid_from"] for row in lake.states()["a"]] == [THEN, THEN + TICK]


def test_an_ended_state_keeps_its_row_and_columns() -> None:
    """A counter that the API no longer returns stays in the states that had it."""
    clicked = pa.chunked_array([pa.array([7])])
    held = successors(seen({"a": 1}), None, read_at=THEN).append_column("clicked", clicked)

    new, ended = successors(seen({"a": 2}), held, read_at=THEN + SECOND).to_pylist()

    assert ended == held.to_pylist()[0] | {"valid_to": THEN + SECOND}
    assert (new["row_version"], new["clicked"]) == (2, None)
