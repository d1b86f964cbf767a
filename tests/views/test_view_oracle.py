"""Every measure of both views, against the same measure worked out in plain Python."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from comms_source.channels import CHANNELS
from comms_source.views import StatsReading
from tests.views.view_oracle import expected_days, expected_operations
from tests.views.view_tables import (
    Operation,
    Record,
    clear,
    counted,
    days_of,
    operations_of,
    put,
    warehouse,
)

NOT_JUDGED: Final = {"updated_at", "synced_at", "extra", "_sides"}
"""Columns that are passed on as they are, and the oracle's own notes."""

PINS: Final[list[Mapping[str, StatsReading]]] = [
    {},
    {"messages": "exclusive", "emails": "exclusive", "push_notifications": "exclusive"},
    {"messages": "cumulative", "emails": "cumulative", "push_notifications": "cumulative"},
]


def differing(rows: list[Record], expected: list[Record]) -> list[Record]:
    """What is not as expected, row by row: the column, what it is, and what it should be."""
    assert len(rows) == len(expected)
    return [
        {column: (row.get(column), as_it_should[column]) for column in wrong}
        for row, as_it_should in zip(rows, expected, strict=True)
        if (
            wrong := [
                key for key in row.keys() | as_it_should.keys() if _differs(key, row, as_it_should)
            ]
        )
    ]


def _differs(column: str, row: Record, expected: Record) -> bool:
    return column not in NOT_JUDGED and row[column] != expected[column]


def random_operation(chance: random.Random, number: int) -> Operation:
    """Counters as an API might have them, of either reading, now and then nonsense."""
    channel = chance.choice(list(CHANNELS))
    top = chance.choice((1, 3, 10, 1000))
    counters: dict[str, int | None] = {}
    for name in CHANNELS[channel].counters:
        counters[name] = chance.choice((0, 0, chance.randint(0, top)))
        if chance.random() < 0.02:
            counters[name] = chance.choice((None, -1, 10**12, 10**12 + 1, 2**63 - 1))
    if chance.random() < 0.6:
        counters["total"] = chance.randint(0, 4 * top)
    return Operation(
        channel=channel,
        counters=counters,
        id=f"op{number:06}",
        account=chance.choice(("acme", "globex", "initech", *(f"one-off-{number}",) * 3)),
        status=chance.choice(("SCHEDULED", "PROCESSING", "COMPLETED", "CANCELED", "NEW", None)),
        created_at=datetime(2026, 11, 1, tzinfo=UTC)
        + timedelta(seconds=chance.randint(0, 5 * 86400)),
    )


@pytest.mark.parametrize("pins", PINS)
def test_that_the_views_agree_with_the_definitions(pins: Mapping[str, StatsReading]) -> None:
    """Thousands of rows, of many accounts and days: every measure of every row is as defined."""
    chance = random.Random(20261120)
    operations = [random_operation(chance, number) for number in range(4000)]
    with warehouse(operations, stats_reading=pins) as db:
        assert differing(operations_of(db), expected_operations(operations, pins)) == []
        assert differing(days_of(db), expected_days(operations, pins)) == []


COUNTER = st.sampled_from((0, 0, 1, 2, 3, 5, 8, None, -1, 10**12, 10**12 + 1, 2**63 - 1, -(2**63)))


@st.composite
def an_operation(draw: st.DrawFn) -> Operation:
    """Any counters at all, with little between them so that they meet."""
    channel = draw(st.sampled_from(list(CHANNELS)))
    names = CHANNELS[channel].counters
    values = draw(st.lists(COUNTER, min_size=len(names), max_size=len(names)))
    return Operation(
        channel=channel,
        counters=dict(zip(names, values, strict=True)),
        account=draw(st.sampled_from(("acme", "globex"))),
        created_at=datetime(2026, 11, draw(st.integers(1, 2)), tzinfo=UTC),
    )


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """One warehouse for all examples, empty in between."""
    with warehouse() as connection:
        yield connection


SILENT_DELIVERIES = Operation(channel="emails", counters={"scheduled": 1, "queued": 1, "sent": 5})
MANY_SENT = counted("emails", total=5, sent=5, delivered=5, opened=3)


@settings(max_examples=120, deadline=None)
@given(st.lists(an_operation(), max_size=6))
@example([SILENT_DELIVERIES, MANY_SENT])
def test_that_nonsense_is_measured_as_defined(
    db: duckdb.DuckDBPyConnection, drawn: list[Operation]
) -> None:
    """Absent, negative and absurd counters count as unknown, and the rest is as defined."""
    operations = [_named(operation, number) for number, operation in enumerate(drawn)]
    clear(db)
    put(db, operations)
    assert differing(operations_of(db), expected_operations(operations)) == []
    assert differing(days_of(db), expected_days(operations)) == []


def _named(operation: Operation, number: int) -> Operation:
    return Operation(
        channel=operation.channel,
        counters=operation.counters,
        id=f"op{number}",
        account=operation.account,
        created_at=operation.created_at,
    )
