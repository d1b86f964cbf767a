"""The expected rows of the views of bad, stuck and contradictory operations, in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from tests.views.sums import grouped, less, share
from tests.views.view_oracle import ACTIVE, CHANNEL_ORDER, DAY, ENDED, Key, Oracle, key_of
from tests.views.view_tables import Record

WORST: Final = 100


def worst_operations(oracle: Oracle) -> list[Record]:
    """The worst operations of each account and channel, by number and by rate."""
    rows = [
        _with_rate(row)
        for row in oracle.operations
        if row["created_at"] >= oracle.now - 30 * DAY and (row["not_delivered"] or 0) > 0
    ]
    volume = oracle.settings.alert_volume
    large = [
        row for row in rows if row["not_delivered_rate"] is not None and row["attempted"] >= volume
    ]
    return [*_ranked(rows, "count", _by_count), *_ranked(large, "rate", _by_rate)]


def _with_rate(row: Record) -> Record:
    """The operation with its rate; for pushes, of what was accepted or failed."""
    base = row["attempted"]
    if base is None:
        base = row["offered"]
    return row | {"attempted": base, "not_delivered_rate": share(row["not_delivered"], base)}


def _ranked(
    rows: Sequence[Record], ranking: str, order: Callable[[Record], tuple[Any, ...]]
) -> Iterator[Record]:
    for group in grouped(rows, "account", "channel").values():
        for place, row in enumerate(sorted(group, key=order)[:WORST], 1):
            yield row | {"ranking": ranking, "place": place}


def _by_count(row: Record) -> tuple[Any, ...]:
    return -row["not_delivered"], -row["created_at"].timestamp(), row["id"]


def _by_rate(row: Record) -> tuple[Any, ...]:
    return -row["not_delivered_rate"], *_by_count(row)


def stuck_operations(oracle: Oracle) -> list[Record]:
    """Operations that do not make progress, each with the first reason that applies."""
    started = _started(oracle)
    rows = [row | {"reason": _reason(row, oracle, started)} for row in oracle.operations]
    since = oracle.now - oracle.settings.alert_days * DAY
    return [
        row | {"is_current": _stuck_since(row, started) >= since} for row in rows if row["reason"]
    ]


def _stuck_since(row: Record, started: dict[Key, datetime]) -> datetime:
    """When it started to be processed."""
    created_at: datetime = row["created_at"]
    return started.get((row["account"], row["channel"], row["id"]), created_at)


def _started(oracle: Oracle) -> dict[Key, datetime]:
    """When the last scheduled state of operations that were scheduled for later ended."""
    started: dict[Key, datetime] = {}
    for state in oracle.world.states:
        key = key_of(state.shown)
        if state.shown.status == "SCHEDULED" and state.valid_to is not None:
            started[key] = max(state.valid_to, started.get(key, state.valid_to))
    return started


def _reason(row: Record, oracle: Oracle, started: dict[Key, datetime]) -> str | None:
    key = row["account"], row["channel"], row["id"]
    if row["status"] in ENDED:
        return "finished_with_queued" if (row["waiting"] or 0) > 0 else None
    if row["status"] not in ACTIVE:
        return None
    if key in oracle.not_found:
        return "not_found"
    processing_from = started.get(key, row["created_at"])
    too_long = processing_from < row["last_synced_at"] - oracle.settings.stuck_after
    return "processing_too_long" if row["status"] == "PROCESSING" and too_long else None


def rejected_rows(oracle: Oracle) -> list[Record]:
    """Rows that could not be read, each with what became of it."""
    return [
        {
            **{name: row[name] for name in ("account", "channel", "row_key", "operation_id")},
            **{name: row[name] for name in ("reason", "raw")},
            "channel_order": CHANNEL_ORDER[row["channel"]],
            "last_synced_at": row["synced_at"],
            "state": rejection_state(row, oracle),
            "acknowledged_at": oracle.acknowledged.get(_subject(row)),
        }
        for row in oracle.world.rejected
    ]


def rejection_state(row: Record, oracle: Oracle) -> str:
    """Whether the operation was read well later, or else was acknowledged."""
    read_well = any(
        key_of(shown) == (row["account"], row["channel"], row["operation_id"])
        and shown.synced_at is not None
        and shown.synced_at > row["synced_at"]
        for shown in oracle.world.operations
    )
    if read_well:
        return "resolved"
    return "acknowledged" if _subject(row) in oracle.acknowledged else "open"


def _subject(row: Record) -> Key:
    return row["account"], row["channel"], row["operation_id"] or row["row_key"]


def counter_checks(oracle: Oracle) -> list[Record]:
    """Operations with invalid or contradictory counters, each with the first problem."""
    rows = [row | {"problem": next(_problems(row, oracle), None)} for row in oracle.operations]
    return [row for row in rows if row["problem"]]


def _problems(row: Record, oracle: Oracle) -> Iterator[str]:
    if row["has_invalid_counter"]:
        yield "invalid_counter"
    if not row["is_counted"]:
        yield "missing_counter"
    if row["is_inconsistent"]:
        yield "fits_no_mode"
    if less(row["recipients"], row["unaddressable"]):
        yield "unaddressable_exceeds_recipients"
    ruled_out = [mode for mode in ("exclusive", "cumulative") if row[f"rules_out_{mode}"]]
    pinned = oracle.settings.counter_mode.get(row["channel"])
    if pinned in ruled_out:
        yield "not_as_pinned"
    if not pinned and ruled_out == [oracle.channel_mode(row["account"], row["channel"])]:
        yield "differs_from_channel"
