"""Days of the reporting time zone, and the instants at which they begin. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = 30
"""The number of days before today that a report shows one by one."""
WEEK: Final = 7
STRIP_DAYS: Final = 14
"""The number of days of the coverage strip, today included."""
HOUR_DAYS: Final = 28
"""The number of days before today in the heat map: each day of the week four times."""


def start_of(day: date, *, zone: str) -> datetime:
    """The instant in UTC at which a day begins, also where clocks skip midnight."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def days_between(first: date, last: date) -> list[date]:
    """All days from `first` to `last`, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
