"""Instants in the sandbox (milliseconds since the epoch) and in the API (ISO 8601)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(instant: datetime) -> int:
    """Milliseconds since the epoch, rounded down."""
    return (instant - EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """The instant, in UTC."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def format_instant(milliseconds: int, precision: str) -> str:
    """ISO 8601 in UTC with `Z`, to the second or to the millisecond."""
    return from_ms(milliseconds).isoformat(timespec=precision).replace("+00:00", "Z")
