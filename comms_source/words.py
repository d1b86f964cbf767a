"""Counts and lengths of time in words. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Final


def counted(count: int, what: str, several: str | None = None) -> str:
    """A count with its noun, in the plural unless there is one."""
    return f"{count:,} {what if count == 1 else several or what + 's'}"


def in_words(length: timedelta) -> str:
    """A length of time as the settings write it."""
    for unit, name in _UNITS.items():
        if length >= unit and length % unit == timedelta(0):
            return f"{length // unit} {name}" + ("s" if length > unit else "")
    return f"{length.total_seconds():g} seconds"


_UNITS: Final = {
    timedelta(days=1): "day",
    timedelta(hours=1): "hour",
    timedelta(minutes=1): "minute",
}
