"""Numbers, shares, times and days as text for people."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.report import wording
from comms_source.report.data.sums import Share, Sums
from comms_source.report.wording import DASH, MINUS

SHARES = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda ends: Share(*sorted(ends)))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.919, 0.919, "91.9%"),
        (0.9191, 0.9194, "91.9%"),
        (0.75, 0.8, f"75{DASH}80%"),
        (0.216, 0.217, f"21.6{DASH}21.7%"),
        (1, 1, "100.0%"),
        (0, 0, "0.0%"),
        (0.99999, 0.99999, ">99.9%"),
        (0.00001, 0.00001, "<0.1%"),
    ],
)
def test_a_share_is_one_number_if_its_ends_agree(low: float, high: float, expected: str) -> None:
    """Otherwise it is an interval."""
    assert wording.percent(Share(low, high)) == expected


@given(SHARES)
def test_a_share_is_never_rounded_to_0_or_100_percent(share: Share) -> None:
    """100% means all, and 0% means nothing."""
    text = wording.percent(share)
    if "100" in text and ">" not in text:
        assert share.high == 1
    if text in {"0.0%", "0%"}:
        assert share.high == 0


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (Share(0.92, 0.92), Share(0.9, 0.9), "+2.0 points"),
        (Share(0.9, 0.9), Share(0.92, 0.92), f"{MINUS}2.0 points"),
        (Share(0.9, 0.9), Share(0.9001, 0.9001), "no change"),
        (Share(0.75, 0.8), Share(0.7, 0.7), "+5.0 to +10.0 points"),
        (None, Share(0.7, 0.7), None),
    ],
)
def test_a_change_of_intervals_is_an_interval(
    now: Share | None, before: Share | None, expected: str | None
) -> None:
    """From the smallest to the largest possible change."""
    assert wording.change(now, before) == expected


def test_growth_needs_a_value_before() -> None:
    """Growth from 0, or from an unknown value, is not known."""
    assert wording.growth(110, 100) == "+10%"
    assert wording.growth(50, 100) == f"{MINUS}50%"
    assert wording.growth(5, 0) is None
    assert wording.growth(None, 5) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (999, "999"), (1234, "1.23k"), (999_999, "1M"), (28_829_809, "28.8M"), (5e12, "5T")],
)
def test_short_numbers_keep_three_digits(value: float, expected: str) -> None:
    """And never show a thousand of a unit."""
    assert wording.compact(value) == expected


def test_unknown_values_are_shown_as_not_known() -> None:
    """Never as 0, and never empty."""
    assert wording.count(None) == wording.percent(None) == wording.took(None) == "not known"
    assert wording.span(None, 5) == "not known"
    assert wording.span(5, 5) == "5"
    assert wording.span(5, 7) == f"5{DASH}7"


@given(st.sets(st.integers(0, 60)))
def test_ranges_name_every_day_or_count_it(offsets: set[int]) -> None:
    """Consecutive days become one range, and no day is lost."""
    days = [date(2026, 12, 1) + timedelta(days=offset) for offset in offsets]
    if not days:
        return
    text = wording.ranges(days, most=100)
    starts = [day for day in days if day - timedelta(days=1) not in days]
    assert text.count(",") + text.count(" and ") == len(starts) - 1
    few = wording.ranges(days, most=1)
    assert ("older day" in few) == (len(starts) > 1)


def test_days_and_times_are_written_out() -> None:
    """Ranges of days, and durations in a suitable unit."""
    assert wording.days(date(2026, 11, 14), date(2026, 11, 20)) == f"14{DASH}20 November"
    assert wording.days(date(2026, 10, 31), date(2026, 11, 1)) == f"31 October{DASH}1 November"
    assert wording.seconds(45) == "45 s"
    assert wording.seconds(5400) == "90 min"
    assert wording.seconds(7 * 86400) == "7 days"
    assert wording.took((0, 600), limited=True) == "at most 10 min"
    assert wording.took((600, 7200)) == f"10 min{DASH}2 h"


COUNTS = st.none() | st.integers(0, 10**6)
SUMS = st.builds(Sums, operations=st.integers(0, 9), requested=COUNTS, delivered_low=COUNTS)


@given(SUMS, SUMS, SUMS)
def test_sums_can_be_added_in_any_order(one: Sums, two: Sums, three: Sums) -> None:
    """A value that is unknown in one sum is taken from the other."""
    assert (one + two) + three == one + (two + three)
    assert one + two == two + one
    assert one + Sums() == one


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_shares_of_what_was_attempted_add_up(
    low: int | None, high: int | None, not_delivered: int | None, attempted: int | None
) -> None:
    """Delivered, not delivered and without an outcome add up to 1, and no share exceeds 1."""
    sums = Sums(
        operations=1,
        delivered_low=low,
        delivered_high=high,
        not_delivered=not_delivered,
        attempted=attempted,
    )
    shares = (sums.delivery, sums.not_delivered_share, sums.without_outcome)
    assert all(share.low >= 0 and share.high <= 1 for share in shares if share)
    if None in (low, high, not_delivered) or not attempted:
        assert sums.without_outcome is None
    elif low == high and (low or 0) + (not_delivered or 0) <= attempted:
        assert sum(share.low for share in shares if share) == pytest.approx(1)
