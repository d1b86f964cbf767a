"""Instants: how the sandbox counts time and how it writes it down.

Inside, an instant is a whole number of milliseconds since 1970 in UTC, because integers compare,
subtract and sort without surprises. Dates of a query keep their microseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Final

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_ISO_8601: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?P<time>T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2}))?"
)


def from_datetime(moment: datetime) -> int:
    """The instant of an aware datetime, in milliseconds."""
    return (_aware(moment) - _EPOCH) // _MILLISECOND


def from_timedelta(span: timedelta) -> int:
    """A span in milliseconds."""
    return span // _MILLISECOND


def to_datetime(instant: int) -> datetime:
    """An instant as an aware datetime in UTC."""
    return _EPOCH + instant * _MILLISECOND


def parse_microseconds(text: str) -> int:
    """The microseconds since 1970 of a date with an offset, or of a plain date at midnight UTC.

    Raises:
        ValueError: The text is no such date.
    """
    match = _ISO_8601.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no date in ISO 8601 format")
    moment = datetime.fromisoformat(text if match["time"] else f"{text}T00:00:00Z")
    return (moment - _EPOCH) // _MICROSECOND


def in_seconds(instant: int) -> str:
    """The instant as the API writes it: UTC, whole seconds, `Z`."""
    seconds = instant // SECOND
    return f"{_minute(seconds // 60)}:{seconds % 60:02d}Z"


def in_milliseconds(instant: int) -> str:
    """The instant with three digits after the second."""
    seconds = instant // SECOND
    return f"{_minute(seconds // 60)}:{seconds % 60:02d}.{instant % SECOND:03d}Z"


def in_http(instant: int) -> str:
    """The instant as the HTTP header `Date` has it."""
    return format_datetime(to_datetime(instant), usegmt=True)


@lru_cache(maxsize=16_384)
def _minute(minutes: int) -> str:
    return (_EPOCH + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M")


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} names no time zone; give one, such as UTC")
    return moment
