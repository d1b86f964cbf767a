"""The rows of days: their sums, and the day of an operation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from tests.views.view_tables import Operation, counted, days_of, records, warehouse


def numbered(*operations: Operation) -> list[Operation]:
    """The operations, each with its own id."""
    return [replace(each, id=str(number)) for number, each in enumerate(operations)]


def test_a_rate_is_a_ratio_of_sums() -> None:
    """One large operation outweighs many small ones; a mean of rates would be 67 %."""
    small = counted("messages", total=1, delivered=1)
    large = counted("messages", total=998, failed=998)
    with warehouse(numbered(large, small, small)) as db:
        (day,) = days_of(db)
    assert day["delivery_rate"] == day["delivery_rate_of_known"] == 2 / 1000


def test_operations_with_missing_counters_are_in_no_sum() -> None:
    """So a rate is a ratio of the sums in its row; `counted_operations` is their number."""
    whole = counted("messages", total=4, delivered=3, failed=1)
    half = counted("messages", total=None, canceled=2, delivered=6)
    with warehouse(numbered(whole, half)) as db:
        (day,) = days_of(db)
    assert (day["operations"], day["counted_operations"]) == (2, 1)
    assert (day["canceled"], day["requested"], day["cancel_rate"]) == (0, 4, 0.0)
    assert (day["api_delivered"], day["delivered"], day["delivery_rate"]) == (3, 3, 0.75)


def test_a_sum_of_nothing_known_is_unknown() -> None:
    """A day of pushes has no known deliveries, which differs from 0 deliveries."""
    with warehouse([counted("push_notifications", total=3, sent=3)]) as db:
        (day,) = days_of(db)
    assert (day["api_sent"], day["api_delivered"], day["delivered_low"]) == (3, None, None)
    assert (day["delivery_rate"], day["acceptance_rate"]) == (None, 1.0)


def test_weeks_and_months_begin_with_their_first_day() -> None:
    """A week begins on Monday, also across the end of a month, and a month on its first day."""
    days = [date(2026, 10, 25), date(2026, 10, 26), date(2026, 10, 31), date(2026, 11, 1)]
    emails = [
        replace(counted("emails"), created_at=datetime(day.year, day.month, day.day, tzinfo=UTC))
        for day in days
    ]
    with warehouse(numbered(*emails)) as db:
        weeks = records(db, "select week, operations from comms.weekly_delivery order by week")
        months = records(db, "select month, operations from comms.monthly_delivery order by month")
    assert [tuple(row.values()) for row in weeks] == [(date(2026, 10, 19), 1), (days[1], 3)]
    assert [tuple(row.values()) for row in months] == [(date(2026, 10, 1), 3), (days[3], 1)]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_days_do_not_depend_on_the_session(zone: str) -> None:
    """Midnight is at 00:00 UTC in every session, so two users get the same report."""
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    instants = {
        "before": midnight - timedelta(microseconds=1),
        "at": midnight,
        "after": midnight.astimezone(timezone(timedelta(hours=-11))) + timedelta(hours=23),
    }
    emails = [
        replace(counted("emails"), id=name, created_at=instant)
        for name, instant in instants.items()
    ]
    with warehouse(emails) as db:
        db.execute(f"set timezone = '{zone}'")
        found = {day["day"]: day["operations"] for day in days_of(db)}
    assert found == {date(2026, 11, 19): 1, date(2026, 11, 20): 2}


def test_days_do_not_depend_on_the_session_of_a_view() -> None:
    """A view that reads ours does not keep the zone of the session that created it."""
    email = replace(counted("emails"), created_at=datetime(2026, 11, 20, 23, 59, tzinfo=UTC))
    with warehouse([email], path=":memory:") as db:
        db.execute("set timezone = 'Pacific/Kiritimati'")
        db.execute("create view comms.mine as select * from comms.daily_delivery")
        db.execute("set timezone = 'UTC'")
        assert records(db, "select day from comms.mine") == [{"day": date(2026, 11, 20)}]
