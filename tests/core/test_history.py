"""What makes a new state of an operation, and that no operation is staged twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from comms_source.channels import CHANNELS
from comms_source.tables.history import ROW_VERSION, history_rows, history_table
from comms_source.tables.operations import first_sights, ids_before, operations_table

MESSAGES = CHANNELS["messages"]
SCHEMA = operations_table(MESSAGES).schema
THEN = datetime(2026, 11, 19, 6, 20, tzinfo=UTC)
ROW: dict[str, Any] = {
    "id": "comms_operation_01h2xcejqtf2nbrexx3vqjhp41",
    "account": "acme",
    "status": "PROCESSING",
    "created_at": THEN,
    "updated_at": THEN,
    **{name: 3 * number for number, name in enumerate(MESSAGES.counters)},
    "synced_at": THEN,
    "extra": None,
    "_dlt_load_id": "17",
}

instants = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
statuses = st.none() | st.sampled_from(["SCHEDULED", "COMPLETED"]) | st.text(min_size=1)
numbers = st.integers(-(2**63), 2**63 - 1)
values = st.none() | st.integers(0, 5) | numbers
counters = st.sampled_from(MESSAGES.counters)
states = st.fixed_dictionaries({"status": statuses, **dict.fromkeys(MESSAGES.counters, values)})
surroundings = st.fixed_dictionaries(
    {},
    optional={
        "account": st.text(),
        "created_at": instants,
        "updated_at": st.none() | instants,
        "synced_at": instants,
        "extra": st.none() | st.text(),
        "_dlt_load_id": st.text(),
    },
)


def operations(*rows: Mapping[str, Any]) -> pa.Table:
    """Rows of the channel's table; a counter without a column gets one."""
    new = dict.fromkeys(name for row in rows for name in row if name not in SCHEMA.names)
    schema = pa.schema([*SCHEMA, *(pa.field(name, pa.int64()) for name in new)])
    return pa.Table.from_pylist([ROW | dict(row) for row in rows], schema=schema)


def versions(table: pa.Table) -> list[int]:
    """The version of each row."""
    found: list[Any] = history_rows(table)[ROW_VERSION].to_pylist()
    return found


def differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two rows of an operation are two states of it."""
    first, second = versions(operations(one, other))
    return first != second


@given(states, surroundings, surroundings)
def test_equal_states_have_the_same_version(
    state: dict[str, Any], one: dict[str, Any], other: dict[str, Any]
) -> None:
    """Times, label, load and fields without a column are not part of a state."""
    assert not differ(state | one, state | other)


@given(states, st.permutations(SCHEMA.names))
def test_the_order_of_columns_does_not_matter(state: dict[str, Any], names: list[str]) -> None:
    """Another version of this project may have another order of columns."""
    table = operations(state)

    assert versions(table) == versions(table.select(names))


@pytest.mark.slow
@given(st.lists(states, max_size=5), st.integers(0, 5))
def test_a_version_does_not_depend_on_other_rows(rows: list[Any], cut: int) -> None:
    """Alone, among others, or in a table of several chunks."""
    apart = [versions(operations(row))[0] for row in rows]
    halves = pa.concat_tables([operations(*rows[:cut]), operations(*rows[cut:])])

    assert versions(operations(*rows)) == versions(halves) == apart


@given(states)
def test_two_operations_in_the_same_state_have_two_versions(state: dict[str, Any]) -> None:
    """A destination looks up a version among those of all operations."""
    assert differ(state, state | {"id": "comms_operation_01h2xcejqtf2nbrexx3vqjhp42"})


@given(states, statuses)
def test_another_status_is_another_state(state: dict[str, Any], status: str | None) -> None:
    """Also an unknown one."""
    assume(status != state["status"])

    assert differ(state, state | {"status": status})


@given(states, counters, values)
def test_another_value_of_one_counter_is_another_state(
    state: dict[str, Any], name: str, value: int | None
) -> None:
    """Up or down, by one or by many, to or from NULL; NULL is not 0."""
    assume(value != state[name])

    assert differ(state, state | {name: value})


@given(states, counters, st.integers(0, 2**62), st.sampled_from([1, -1]))
def test_a_counter_that_moves_by_one_makes_another_state(
    state: dict[str, Any], name: str, value: int, step: int
) -> None:
    """The most common change, up as well as down."""
    assert differ(state | {name: value}, state | {name: value + step})


@given(states, counters, counters)
def test_two_counters_that_swap_their_values_make_another_state(
    state: dict[str, Any], one: str, other: str
) -> None:
    """Values are hashed with the names of their counters."""
    assume(state[one] != state[other])

    assert differ(state, state | {one: state[other], other: state[one]})


@given(states, counters, counters, st.integers(1, 2**62), st.integers(0, 2**62))
def test_moving_a_unit_between_counters_makes_another_state(
    state: dict[str, Any], one: str, other: str, much: int, little: int
) -> None:
    """From queued to sent, for example: their sum does not change."""
    assume(one != other)
    before = state | {one: much, other: little}

    assert differ(before, before | {one: much - 1, other: little + 1})


@given(states, st.sampled_from(["clicks", "link_clicks"]), numbers)
def test_a_new_counter_makes_a_new_state_if_it_has_a_value(
    state: dict[str, Any], name: str, value: int
) -> None:
    """A new column makes no new state of the rows in which it is NULL."""
    assert not differ(state, state | {name: None})
    assert versions(operations(state)) == versions(operations(state | {name: None}))
    assert differ(state, state | {name: value})


@pytest.mark.parametrize(
    ("changes", "version"),
    [
        ({}, -2447008520473196875),
        ({"status": None, "total": None, "read": -1}, -6062141684019118727),
        ({"clicks": 2**63 - 1}, -8636192815121820722),
    ],
)
def test_versions_never_change(changes: dict[str, Any], version: int) -> None:
    """Destinations store them: another hash would add a row to the history of every operation."""
    assert versions(operations(changes)) == [version]


@pytest.mark.parametrize("name", CHANNELS)
def test_a_history_has_the_columns_of_operations_except_extra(name: str) -> None:
    """And a version that is never NULL; also if a page has no rows."""
    channel = CHANNELS[name]
    expected = [name for name in operations_table(channel).columns.names if name != "extra"]

    assert history_table(channel).columns.names == [*expected, ROW_VERSION]
    assert history_rows(operations_table(channel).empty()).schema == history_table(channel).columns
    assert not history_table(channel).schema.field(ROW_VERSION).nullable


def test_a_new_counter_is_a_column_of_the_history() -> None:
    """With the same values as in the operations."""
    rows = history_rows(operations({"clicks": 7}, {"clicks": None}))

    assert rows["clicks"].to_pylist() == [7, None]
    assert rows["total"].to_pylist() == [ROW["total"]] * 2


ids = st.lists(st.sampled_from("abcdefg"), max_size=8)


@given(st.lists(ids, max_size=4), st.sets(st.sampled_from("abc")))
def test_the_first_row_of_an_operation_is_kept(pages: list[list[str]], before: set[str]) -> None:
    """Pages are processed in order; operations of earlier pages are dropped."""
    seen = set(before)
    numbered = [
        operations(*({"id": key, "total": place} for place, key in enumerate(page)))
        for page in pages
    ]
    taken = [first_sights(page, seen).to_pylist() for page in numbered]

    known, expected = set(before), list[list[tuple[str, int]]]()
    for page in pages:
        first = [(key, page.index(key)) for key in dict.fromkeys(page) if key not in known]
        known.update(page)
        expected.append(first)
    assert [[(row["id"], row["total"]) for row in page] for page in taken] == expected
    assert seen == known


def test_a_page_without_duplicates_is_unchanged() -> None:
    """That is the usual case, so it must not copy the rows."""
    page = operations({"id": "a"}, {"id": "b"})

    assert first_sights(page, {"c"}) is page


@given(st.lists(st.tuples(st.sampled_from("abcd"), instants)), instants)
def test_ids_before_an_instant_are_of_rows_created_before_it(
    rows: list[tuple[str, datetime]], instant: datetime
) -> None:
    """Rows created at that instant are not included."""
    table = operations(*({"id": key, "created_at": created} for key, created in rows))

    assert ids_before(table, instant) == {key for key, created in rows if created < instant}
