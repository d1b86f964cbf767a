"""Rows of queries, as different destinations return them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from comms_source.report.data.facts import HourVolume, ReadWindow, Trend
from comms_source.report.data.parse import parse
from comms_source.report.data.sums import Share, Sums
from comms_source.timespans import Span

START, END = datetime(2026, 11, 20, 7, tzinfo=UTC), datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.mark.parametrize("day", [date(2026, 11, 20), datetime(2026, 11, 20), "2026-11-20 00:00:00"])
def test_a_day_is_a_date_a_midnight_or_text(day: Any) -> None:
    """And numbers may be decimals or text; NULL stays None."""
    assert parse(HourVolume, (day, Decimal(7), "3", None)) == HourVolume(
        day=date(2026, 11, 20), hour=7, operations=3, requested=None
    )


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (START, END),
        (START.replace(tzinfo=None), END.replace(tzinfo=None)),
        ("2026-11-20T07:00:00Z", "2026-11-20 09:00:00+01:00"),
    ],
)
def test_an_instant_is_in_utc(start: Any, end: Any) -> None:
    """Without a time zone it is in UTC already."""
    window = parse(ReadWindow, (start, end, Decimal(1), None))

    assert window == ReadWindow(span=Span(START, END), is_complete=True, read_at=None)
    assert window.span.start.tzinfo is UTC


def test_a_share_has_two_columns() -> None:
    """It is not known unless both are."""
    now = [Decimal("0.5"), Decimal("0.75"), 5, 6, 8, Decimal(10)]
    row = ["acme", "day", "delivery_rate", START, 9, *now, None, 1, 5, 6, 8, None, 1, 0, 1, 0, 1, 7]
    trend = parse(Trend, row)

    assert (trend.value, trend.numerator, trend.denominator) == (
        Share(0.5, 0.75),
        Share(5, 6),
        Share(8, 10),
    )
    assert (trend.but_largest, trend.previous_numerator, trend.previous_denominator) == (
        None,
        Share(5, 6),
        None,
    )
    assert (trend.usual_but_largest, trend.usual_days) == (Share(0, 1), 7)


def test_sums_are_whole_numbers() -> None:
    """They are decimals where a destination has no larger integers."""
    names = list(Sums.__dataclass_fields__)
    sums = parse(Sums, [Decimal(number) if number % 2 else None for number in range(len(names))])

    for number, name in enumerate(names):
        value = getattr(sums, name)
        assert value == (number if number % 2 else None)
        assert value is None or type(value) is int
