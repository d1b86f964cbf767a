"""When a window is due to be read, and why. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from comms_source.coverage.channel_coverage import (
    MAX_CLOCK_SKEW,
    VISIBILITY_LAG,
    WindowRead,
    last_chance,
)
from comms_source.coverage.policy import Policy
from comms_source.timespans import Span

Reason = Literal[
    "never read",
    "read by a clock ahead",
    "not closed when read",
    "stale",
    "last chance",
    "full refresh",
]


def due_reason(
    window: Span, read: WindowRead | None, *, now: datetime, policy: Policy
) -> Reason | None:
    """Why a window is due; None if it is not."""
    if read is None:
        return "never read"
    if read.read_at > now + MAX_CLOCK_SKEW:
        return "read by a clock ahead"
    if policy.refresh == "full":
        return "full refresh"
    if read.read_at < window.end + VISIBILITY_LAG:
        return "not closed when read"
    if read.read_at < last_chance(window, policy.retention) <= now:
        return "last chance"
    is_stale = now - read.read_at >= policy.refresh_ratio * (now - window.end)
    return "stale" if is_stale else None
