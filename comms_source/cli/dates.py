"""Dates and times as people type them: `yesterday`, `3 days ago`, `2026-11-25T10:00`. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final, NamedTuple

EXAMPLES: Final = (
    "yesterday, '3 days ago', 2026-11-25, 2026-11-25T10:00 or, with a time zone, "
    "2026-11-25T10:00+01:00"
)
WITHOUT_ZONE: Final = "a date or time without a time zone is taken as UTC"

_DAYS_AGO: Final = {"today": 0, "yesterday": 1}
_AGO: Final = re.compile(r"(\d+) +(minute|hour|day|week)s? +ago")


class Given(NamedTuple):
    """An instant that somebody typed."""

    instant: datetime
    """In UTC."""
    has_zone: bool
    """Whether the text says in which time zone it is; if not, it is taken as UTC."""


def parse_given(text: str, *, now: datetime) -> Given:
    """The instant that a text means at `now`.

    Days and weeks ago are midnights in UTC; hours and minutes ago are to the second.

    Raises:
        ValueError: if the text is no date or time, with examples of what is.
    """
    words = text.strip().lower()
    try:
        return _relative(words, now=now.replace(microsecond=0)) or _absolute(words)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a date or time; write {EXAMPLES}") from None


def _relative(words: str, *, now: datetime) -> Given | None:
    """The instant of words that are relative to `now`; None if they are not."""
    if words == "now":
        return Given(now, has_zone=True)
    if words in _DAYS_AGO:
        return Given(_midnight(now, days_ago=_DAYS_AGO[words]), has_zone=False)
    if not (ago := _AGO.fullmatch(words)):
        return None
    number, unit = int(ago[1]), ago[2]
    if unit in {"minute", "hour"}:
        return Given(now - timedelta(**{f"{unit}s": number}), has_zone=True)
    return Given(_midnight(now, days_ago=number * (7 if unit == "week" else 1)), has_zone=False)


def _midnight(now: datetime, *, days_ago: int) -> datetime:
    day = now.astimezone(UTC).date() - timedelta(days=days_ago)
    return datetime.combine(day, time.min, tzinfo=UTC)


def _absolute(words: str) -> Given:
    parsed = datetime.fromisoformat(words.upper())
    has_zone = parsed.tzinfo is not None
    instant = parsed.astimezone(UTC) if has_zone else parsed.replace(tzinfo=UTC)
    return Given(instant, has_zone=has_zone)
