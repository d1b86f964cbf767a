"""Instants in UTC, half-open spans and aligned windows. Pure.

A `Span` holds the instants `start <= t < end`. Windows are spans of one fixed width, and their
bounds are multiples of that width since the Unix epoch. So every run, on every machine, divides
creation time at the same instants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pendulum

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
BOUND_MARGIN: Final = timedelta(seconds=1)
"""By how much a requested range is wider than its span, on each side: it is not documented whether
the API includes bounds."""

SECOND: Final = timedelta(seconds=1)
TICK: Final = timedelta.resolution

_UNIT_NAMES: Final = {
    timedelta(seconds=1): ("s", "sec", "secs", "second", "seconds"),
    timedelta(minutes=1): ("m", "min", "mins", "minute", "minutes"),
    timedelta(hours=1): ("h", "hr", "hrs", "hour", "hours"),
    timedelta(days=1): ("d", "day", "days"),
    timedelta(weeks=1): ("w", "week", "weeks"),
}
_UNITS: Final = {name: unit for unit, names in _UNIT_NAMES.items() for name in names}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.IGNORECASE)
_MAX_DURATION: Final = timedelta(days=36_500)
"""A hundred years; a few thousand more would end before the calendar does."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The instants `start <= t < end`; both bounds are aware and in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a span needs instants with a time zone")
        if self.end <= self.start:
            raise ValueError(f"a span needs its end after its start: {self}")

    def __str__(self) -> str:
        return f"[{to_iso(self.start)}, {to_iso(self.end)})"

    @property
    def width(self) -> timedelta:
        """The length of the span."""
        return self.end - self.start

    def widened(self) -> Span:
        """The span to request from the API: it returns all of this one, bounds included or not.

        Its bounds are whole seconds, since it is not documented whether the API accepts fractions.
        """
        start, end = self.start - BOUND_MARGIN, self.end + BOUND_MARGIN
        return Span(align_down(start, SECOND), align_down(end + SECOND - TICK, SECOND))


def align_down(instant: datetime, width: timedelta) -> datetime:
    """The start of the window of `width` that holds `instant`."""
    return instant - (instant - EPOCH) % width


def align_up(instant: datetime, width: timedelta) -> datetime:
    """The first window bound of `width` at or after `instant`."""
    return instant + (EPOCH - instant) % width


def windows(span: Span, width: timedelta) -> Iterator[Span]:
    """The aligned windows of `width` that cover `span`: whole windows only, in order."""
    start = align_down(span.start, width)
    while start < span.end:
        yield Span(start, start + width)
        start += width


def clip(span: Span, to: Span) -> Span | None:
    """The intersection of `span` and `to`, or None."""
    start, end = max(span.start, to.start), min(span.end, to.end)
    return Span(start, end) if start < end else None


def to_iso(instant: datetime) -> str:
    """ISO 8601 in UTC with `Z`; with a fraction only if there is one."""
    text = instant.astimezone(UTC).isoformat()
    return text.removesuffix("+00:00") + "Z"


def parse_instant(value: str | date | datetime) -> datetime:
    """An instant in UTC from ISO 8601 text, a date (its midnight) or a datetime.

    Without a time zone, it is in UTC.

    Raises:
        ValueError: if the text is not a date or time.
    """
    if isinstance(value, str):
        value = _parse_text(value)
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(0, UTC) + (aware - EPOCH)


def _parse_text(text: str) -> datetime:
    parsed: object = pendulum.parse(text.strip(), tz="UTC")
    if not isinstance(parsed, datetime):
        raise ValueError(f"{text!r} is not a date or time")  # noqa: TRY004 - the text is at fault
    return parsed


def parse_duration(value: str | timedelta) -> timedelta:
    """A duration from text such as `7 days`, `90m` or, in ISO 8601, `PT1H`.

    Raises:
        ValueError: if the text is no duration, or it is not positive, or over a hundred years.
    """
    try:
        length = _parse_length(value) if isinstance(value, str) else value
    except OverflowError:
        length = timedelta.max
    if not isinstance(length, timedelta) or length <= timedelta(0):
        raise ValueError(f"{value!r} is not a duration; write it like '7 days', '90m' or 'PT1H'")
    if length > _MAX_DURATION:
        raise ValueError(f"{value!r} is longer than a hundred years")
    return length


def _parse_length(text: str) -> timedelta | None:
    """The length of a duration in text; None if it is none."""
    if match := _DURATION.fullmatch(text.strip()):
        unit = _UNITS.get(match[2].lower())
        return unit * float(match[1]) if unit else None
    try:
        parsed: Any = pendulum.parse(text.strip())
    except ValueError:
        return None
    # A month or a year has no fixed length.
    is_fixed = isinstance(parsed, pendulum.Duration) and not (parsed.years or parsed.months)
    return timedelta(seconds=parsed.total_seconds()) if is_fixed else None


def utc_now() -> datetime:
    """The time on this machine's clock."""
    return datetime.now(UTC)
