"""The expected rows of the views of completions, in plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final

from tests.views.sums import grouped, interval, point, quotient, share
from tests.views.view_oracle import ACTIVE, CHANNEL_ORDER, DAY, HOUR, Oracle
from tests.views.view_tables import Record

SECOND: Final = timedelta(seconds=1)
SIZES: Final = ((0, "none"), (1, "1"), (10, "2 to 10"), (100, "11 to 100"), (1000, "101 to 1000"))
"""The maximum number of recipients of each size."""
SIZE_NAMES: Final = (*(name for _, name in SIZES), "over 1000", "not known")
"""In their order."""
PERCENTILES: Final = (50, 90, 99)
MINUTES: Final = (1, 5, 15, 60, 240, 1440)


def operation_completions(oracle: Oracle) -> list[Record]:
    """The rows of the view with the same name, as for all of these functions."""
    histories = grouped(oracle.states, "account", "channel", "id")
    return [_completion(states) for states in histories.values() if _seen_in_first_hour(states)]


def _seen_in_first_hour(states: Sequence[Record]) -> bool:
    first_seen = _first(state["first_synced_at"] for state in states) - states[0]["created_at"]
    return bool(timedelta(0) <= first_seen <= HOUR)


def _completion(states: Sequence[Record]) -> Record:
    created = states[0]["created_at"]
    completed = [state for state in states if state["status"] == "COMPLETED"]
    active = [state for state in states if state["status"] in ACTIVE]
    last_active = _last(state["first_synced_at"] for state in active)
    first_completed = _first(state["first_synced_at"] for state in completed)
    recipients, requested = _most(states, "recipients"), _most(states, "requested")
    low = _seconds_low(created, last_active, first_completed)
    high = _up(created, first_completed)
    return {
        **{name: states[0][name] for name in ("account", "channel", "channel_order", "id")},
        "created_at": created,
        "recipients": recipients,
        "requested": requested,
        "size": _size(recipients),
        "size_order": SIZE_NAMES.index(_size(recipients)) + 1,
        "was_scheduled": any(state["status"] == "SCHEDULED" for state in states),
        "was_canceled": any(state["status"] == "CANCELED" for state in states),
        "first_not_scheduled_at": _first(
            state["first_synced_at"]
            for state in states
            if state["status"] not in ("SCHEDULED", None)
        ),
        "last_seen_active_at": last_active,
        "first_seen_completed_at": first_completed,
        "is_completed": bool(completed),
        **interval("seconds", low, high),
        "reported_seconds": _up(created, _first(state["updated_at"] for state in completed)),
        "requested_per_minute_low": _per_minute(requested, high),
        "requested_per_minute_high": _per_minute(requested, low),
    }


def _seconds_low(
    created: datetime, last_active: datetime | None, first_completed: datetime | None
) -> int:
    """The minimum time that it was active; 0 if it was seen active after its completion."""
    if last_active is None or (first_completed is not None and last_active >= first_completed):
        return 0
    return floor(_in_seconds(last_active - created))


def _up(created: datetime, instant: datetime | None) -> int | None:
    return None if instant is None else ceil(_in_seconds(instant - created))


def _in_seconds(time: timedelta) -> Fraction:
    tick = timedelta(microseconds=1)
    return Fraction(time // tick, SECOND // tick)


def _per_minute(requested: int | None, seconds: int | None) -> float | None:
    return quotient(None if requested is None else 60 * requested, seconds)


def _size(recipients: int | None) -> str:
    if recipients is None:
        return "not known"
    return next((size for most, size in SIZES if recipients <= most), "over 1000")


def _most(states: Iterable[Record], name: str) -> int | None:
    known: list[int] = [state[name] for state in states if state[name] is not None]
    return max(known, default=None)


def _first(instants: Iterable[Any]) -> Any:
    return min((instant for instant in instants if instant is not None), default=None)


def _last(instants: Iterable[Any]) -> Any:
    return max((instant for instant in instants if instant is not None), default=None)


def _recent(oracle: Oracle) -> Iterator[Record]:
    """The operations of the last 30 days that were not scheduled for later."""
    for row in operation_completions(oracle):
        if row["created_at"] >= oracle.now - 30 * DAY and not row["was_scheduled"]:
            yield row


def completion_times(oracle: Oracle) -> list[Record]:
    """Percentiles over the operations that completed."""
    completed = [row for row in _recent(oracle) if row["is_completed"]]
    groups = grouped(completed, "account", "channel", "size")
    return [
        {
            "account": account,
            "channel": channel,
            "channel_order": CHANNEL_ORDER[channel],
            "size": size,
            "size_order": SIZE_NAMES.index(size) + 1,
            "percentile": percentile,
            "operations": len(group),
            **_percentiles(group, percentile),
        }
        for (account, channel, size), group in groups.items()
        for percentile in PERCENTILES
    ]


def _percentiles(rows: Sequence[Record], percentile: int) -> Record:
    low = _nearest_rank([row["seconds_low"] for row in rows], percentile)
    high = _nearest_rank([row["seconds_high"] for row in rows], percentile)
    assert low is not None
    assert high is not None
    return {
        **interval("seconds", low, high),
        "is_limited": 2 * (high - low) > high,
        "reported_seconds": _nearest_rank([row["reported_seconds"] for row in rows], percentile),
    }


def _nearest_rank(times: Iterable[int | None], percentile: int) -> int | None:
    """The smallest time that this percentage does not exceed."""
    known = sorted(time for time in times if time is not None)
    return known[ceil(Fraction(percentile * len(known), 100)) - 1] if known else None


def completion_sla(oracle: Oracle) -> list[Record]:
    """The share of operations that completed within a number of minutes."""
    rows = [row for row in _recent(oracle) if row["is_completed"] or not row["was_canceled"]]
    return [
        {
            "account": account,
            "channel": channel,
            "channel_order": CHANNEL_ORDER[channel],
            "within_minutes": minutes,
            "operations": len(group),
            **_within(group, 60 * minutes),
        }
        for (account, channel), group in grouped(rows, "account", "channel").items()
        for minutes in MINUTES
    ]


def _within(rows: Sequence[Record], seconds: int) -> Record:
    highs = [row["seconds_high"] for row in rows if row["seconds_high"] is not None]
    low = sum(high <= seconds for high in highs)
    high = sum(row["seconds_low"] <= seconds for row in rows)
    share_low, share_high = share(low, len(rows)), share(high, len(rows))
    return {
        "within_low": low,
        "within_high": high,
        "share_low": share_low,
        "share_high": share_high,
        "share": point(share_low, share_high),
    }
