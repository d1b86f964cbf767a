"""Whatever the counters are, a rate stays a rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comms_source.channels import CHANNELS
from comms_source.view_settings import StatsReading
from tests.views.view_tables import (
    Operation,
    Record,
    clear,
    counted,
    days_of,
    measured,
    operations_of,
    pinned,
    put,
    records,
    warehouse,
)

HUGE: Final = 2**63 - 1
INTERVALS: Final = (
    "delivery_rate",
    "attempted_delivery_rate",
    "failure_rate",
    "read_rate",
    "open_rate",
)
SHARES: Final = (
    "delivery_rate",
    "acceptance_rate",
    "unaddressable_rate",
    "cancel_rate",
    *(f"{rate}_{end}" for rate in INTERVALS for end in ("low", "high")),
)

counters_of_any_size = st.one_of(
    st.none(),
    st.sampled_from((0, 1, 10**12, 10**12 + 1, HUGE, -1, -HUGE - 1)),
    st.integers(0, 20),
    st.integers(-(2**63), HUGE),
)

PINNINGS: Final[dict[str, Mapping[str, StatsReading] | None]] = {
    "not pinned": None,
    "pinned to exclusive": dict.fromkeys(CHANNELS, "exclusive"),
    "pinned to cumulative": dict.fromkeys(CHANNELS, "cumulative"),
}


@pytest.fixture(scope="module", params=PINNINGS)
def db(request: pytest.FixtureRequest) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse of each way of reading, emptied by each example."""
    with warehouse(settings=pinned(PINNINGS[request.param] or {})) as connection:
        yield connection


@st.composite
def operations(draw: st.DrawFn) -> list[Operation]:
    """Operations of any channels, with any counters at all."""
    channels = draw(st.lists(st.sampled_from(list(CHANNELS)), min_size=1, max_size=12))
    return [
        Operation(
            channel=channel,
            counters={name: draw(counters_of_any_size) for name in CHANNELS[channel].counters},
            id=f"op{number}",
            created_at=datetime(2026, 11, 1 + number % 2, tzinfo=UTC),
        )
        for number, channel in enumerate(channels)
    ]


def misbehaving(row: Record) -> list[str]:
    """The columns of a row that are not what their names promise."""
    outside = [name for name in SHARES if row[name] is not None and not 0 <= row[name] <= 1]
    pairs = [(f"{rate}_low", f"{rate}_high") for rate in INTERVALS]
    crossed = [
        low
        for low, high in [*pairs, ("reached_low", "reached_high")]
        if (row[low] is None) != (row[high] is None)
        or (row[low] is not None and row[low] > row[high])
    ]
    negative = [
        name
        for name in ("in_flight", "reached_low", "attempts_per_resource")
        if row[name] is not None and row[name] < 0
    ]
    return [*outside, *crossed, *negative]


def outside_its_interval(row: Record) -> bool:
    """Whether there is one delivery rate, and an end of its interval is another."""
    rate = row["delivery_rate"]
    return rate is not None and {row["delivery_rate_low"], row["delivery_rate_high"]} != {rate}


def not_what_delivery_leaves(row: Record) -> bool:
    """Whether what is no delivery is not all failure, at an end of the interval."""
    return row["delivery_rate_low"] is not None and (
        row["failure_rate_high"] != pytest.approx(1 - row["delivery_rate_low"])
        or row["failure_rate_low"] != pytest.approx(1 - row["delivery_rate_high"])
    )


@settings(max_examples=20, deadline=None)
@given(operations())
def test_that_no_counters_break_a_rate(
    db: duckdb.DuckDBPyConnection, some: list[Operation]
) -> None:
    """Rates stay in [0, 1], ends come in pairs and in order; nothing divides by 0 or overflows.

    Where there is one delivery rate, both ends are that rate; failure is what delivery leaves.
    """
    clear(db)
    put(db, some)
    rows = records(db, "select * from comms.operation_measures")
    assert len(rows) == len(some)
    for row in [*rows, *days_of(db)]:
        assert misbehaving(row) == []
        assert not outside_its_interval(row)
        assert not not_what_delivery_leaves(row)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("value", [None, 0, -1, 10**12, 10**12 + 1, HUGE, -HUGE - 1])
def test_that_one_value_in_every_counter_is_harmless(channel: str, value: int | None) -> None:
    """The corners: all counters absent, all 0, all negative, all as large as the column holds."""
    row = measured(
        Operation(channel=channel, counters=dict.fromkeys(CHANNELS[channel].counters, value))
    )
    assert misbehaving(row) == []


@pytest.mark.parametrize("nonsense", [-1, 10**12 + 1, HUGE, -HUGE - 1])
def test_that_a_counter_beyond_sense_is_unknown_and_not_lost(nonsense: int) -> None:
    """The view says NULL, with all that follows from it; the table keeps what the API said."""
    operation = counted("messages", total=4, delivered=4, failed=nonsense)
    with warehouse([operation]) as db:
        (row,) = operations_of(db)
        kept = db.execute("select failed from comms.message_operations").fetchall()
    assert (row["failed"], row["delivery_rate"], row["stats_check"]) == (None, None, None)
    assert (row["delivered"], row["reached_low"], kept) == (4, 4, [(nonsense,)])


def test_that_the_largest_sensible_counters_are_summed_exactly() -> None:
    """A day of many operations of 10^12 resources neither overflows nor rounds."""
    most = 10**12
    many = [
        Operation(channel="messages", counters={"total": most, "recipients": most - 1}, id=str(n))
        for n in range(1000)
    ]
    with warehouse(many) as db:
        (day,) = days_of(db)
    assert (day["total"], day["recipients"]) == (most * 1000, most * 1000 - 1000)


@pytest.mark.parametrize(
    ("measure", "channel"),
    [
        ("delivery_rate", "messages"),
        ("attempted_delivery_rate_low", "messages"),
        ("failure_rate_high", "messages"),
        ("read_rate_low", "messages"),
        ("open_rate_low", "emails"),
        ("acceptance_rate", "push_notifications"),
        ("unaddressable_rate", "messages"),
        ("cancel_rate", "emails"),
        ("attempts_per_resource", "emails"),
    ],
)
def test_that_a_share_of_nothing_is_unknown(measure: str, channel: str) -> None:
    """Nothing out of nothing is neither 0 % nor 100 %."""
    assert measured(counted(channel))[measure] is None
