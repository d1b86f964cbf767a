"""Rates, intervals and sums stay within their bounds for arbitrary counters."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comms_source.channels import CHANNELS, Channel
from comms_source.views.settings import CounterMode
from tests.views.view_tables import (
    NOW,
    Operation,
    Record,
    State,
    clear,
    counted,
    days_of,
    measured,
    operations_of,
    pinned,
    put,
    put_states,
    records,
    warehouse,
)

HUGE: Final = 2**63 - 1
POOLS: Final[tuple[tuple[int | None, ...], ...]] = (
    (0, 0, 1, 2, 3, 5, 8, 13, 20),
    (0, 0, 0, 0, 1, 10**12 - 1, 10**12),
    (None, 0, 1, 10**12, 10**12 + 1, HUGE, -1, -HUGE - 1),
)
"""The possible values of an operation's counters: small, large, or any."""

PINS: Final[dict[str, Mapping[str, CounterMode]]] = {
    "not pinned": {},
    "exclusive": dict.fromkeys(CHANNELS, "exclusive"),
    "cumulative": dict.fromkeys(CHANNELS, "cumulative"),
}


@pytest.fixture(scope="module", params=PINS)
def db(request: pytest.FixtureRequest) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse of each counter mode, which each example empties."""
    with warehouse(settings=pinned(PINS[request.param])) as connection:
        yield connection


def odd_operations(seed: int) -> list[Operation]:
    """Operations of all channels with arbitrary counters."""
    chance = random.Random(seed)
    operations = []
    for number in range(300):
        channel, pool = chance.choice(list(CHANNELS.values())), chance.choice(POOLS)
        operation = Operation(
            channel=channel.name,
            counters={name: chance.choice(pool) for name in channel.counters},
            id=f"op{number}",
            created_at=datetime(2026, 11, 10 + number % 12, tzinfo=UTC),
            synced_at=NOW,
        )
        operations.append(operation)
    return operations


def invalid_columns(row: Record) -> list[str]:
    """The columns of a row with values that are out of bounds."""
    known = {name: value for name, value in row.items() if value is not None}
    shares = [name for name in known if "_rate" in name or name.endswith("_share")]
    names = [name.removesuffix("_low") for name in row if name.endswith("_low")]
    below_zero = [
        name
        for name, value in known.items()
        if isinstance(value, int | float) and value < 0 and name != "counter_surplus"
    ]
    return [
        *below_zero,
        *(name for name in shares if known[name] > 1),
        *(name for name in names if not is_interval(*_interval(row, name))),
    ]


def _interval(row: Record, name: str) -> tuple[float | None, float | None, float | None]:
    return row[f"{name}_low"], row[f"{name}_high"], row[name]


def is_interval(low: float | None, high: float | None, point: float | None) -> bool:
    """Whether both ends are known or none, in order, and the value is known if they are equal.

    If both ends exceed the whole, they are 1, and the value is not known.
    """
    if low is None or high is None:
        return low is high is point
    capped = low == high == 1 and point is None
    return low <= high and (capped or point == (low if low == high else None))


@settings(max_examples=2)
@given(st.integers(0, 10**6))
def test_arbitrary_counters(db: duckdb.DuckDBPyConnection, seed: int) -> None:
    """Rates stay in [0, 1], intervals are in order, and nothing divides by 0 or overflows."""
    clear(db)
    operations = odd_operations(seed)
    put(db, operations)
    put_states(db, [State(shown=each, valid_from=each.created_at) for each in operations])
    views = ("operations", "daily_delivery", "operation_states", "daily_delivery_at_age")
    for view in views:
        rows = records(db, f"select * from comms.{view}")
        assert rows
        assert [wrong for row in rows for wrong in invalid_columns(row)] == [], view


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("value", [None, 0, -1, 10**12, 10**12 + 1, HUGE, -HUGE - 1])
def test_one_value_in_all_counters(channel: str, value: int | None) -> None:
    """All counters missing, 0, negative, or as large as the column allows."""
    counters = dict.fromkeys(CHANNELS[channel].counters, value)
    assert invalid_columns(measured(Operation(channel=channel, counters=counters))) == []


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=lambda channel: channel.name)
def test_counters_have_bounds(channel: Channel) -> None:
    """From 0 to 10^12 a counter is valid; beyond that it is NULL, and the row is listed."""
    values = {0: True, 10**12: True, -1: False, 10**12 + 1: False}
    whole = counted(channel.name, total=10**12, recipients=10**12)
    operations = {
        f"{counter} {value}": replace(
            whole, id=f"{counter} {value}", counters={**whole.counters, counter: value}
        )
        for counter in channel.counters
        for value in values
    }
    shown_as = {"total": "requested", "sent": "api_sent", "delivered": "api_delivered"}
    with warehouse(operations.values()) as db:
        put_states(db, [State(shown=each, valid_from=NOW) for each in operations.values()])
        now, states = operations_of(db), records(db, "select * from comms.operation_states")
        query = "select id from comms.counter_checks where problem = 'invalid_counter'"
        listed = {row["id"] for row in records(db, query)}
    assert len(now) == len(states) == len(operations)
    for row in [*now, *states]:
        counter, value = row["id"].split()
        expected = int(value) if values[int(value)] else None
        assert row[shown_as.get(counter, counter)] == expected
        assert (row["id"] in listed) is not values[int(value)]


def test_tables_keep_invalid_counters() -> None:
    """In the view the counter and its measures are NULL; the table has the API's value."""
    with warehouse([counted("messages", total=4, delivered=4, failed=-1)]) as db:
        (row,) = operations_of(db)
        kept = db.execute("select failed from comms.message_operations").fetchall()
    assert (row["failed"], row["delivered"], row["counter_surplus"]) == (None, None, None)
    assert (row["api_delivered"], kept) == (4, [(-1,)])


def test_large_sums_are_exact() -> None:
    """A day of many operations with 10^12 resources does not overflow and is not rounded."""
    most = 10**12
    large = counted("messages", total=most, recipients=most - 1)
    with warehouse([replace(large, id=str(number)) for number in range(1000)]) as db:
        (day,) = days_of(db)
    assert (day["requested"], day["recipients"]) == (most * 1000, most * 1000 - 1000)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_share_of_nothing_is_unknown(channel: str) -> None:
    """If the denominator is 0, every rate is NULL."""
    row = measured(counted(channel))
    rates = {name: value for name, value in row.items() if "_rate" in name}
    assert rates == dict.fromkeys(rates)
    assert row["attempts_per_resource"] is None
