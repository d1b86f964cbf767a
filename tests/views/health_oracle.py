"""The expected rows of the view `sync_health`, in plain Python."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from comms_source.coverage.spans import uncovered
from comms_source.timespans import Span
from tests.views.monitoring_oracle import rejection_state
from tests.views.view_oracle import CHANNEL_ORDER, DAY, HOUR, Oracle
from tests.views.view_tables import Record


def sync_health(oracle: Oracle) -> list[Record]:
    """One row for each account and channel that was ever read."""
    keys = {(row["account"], row["channel"]) for row in oracle.world.coverage}
    keys |= {(row["account"], name) for row in oracle.world.runs for name in _named(row)}
    return [
        {"account": account, "channel": channel, "channel_order": CHANNEL_ORDER[channel]}
        | _stored(oracle, account, channel)
        | _covered(oracle, account, channel)
        | _beside(oracle, account, channel)
        | _runs([row for row in oracle.world.runs if _is_about(row, account, channel)], oracle)
        for account, channel in keys
    ]


def _named(run: Record) -> list[str]:
    return list(json.loads(run["channels"]))


def _is_about(run: Record, account: str, channel: str) -> bool:
    """Whether a run is about a channel; a run that names no channel is about all of them."""
    return run["account"] == account and channel in (_named(run) or [channel])


def _mine(rows: Iterable[Record], account: str, channel: str) -> list[Record]:
    return [row for row in rows if (row["account"], row["channel"]) == (account, channel)]


def _stored(oracle: Oracle, account: str, channel: str) -> Record:
    operations = _mine(oracle.operations, account, channel)
    return {
        "operations": len(operations),
        "newest_operation": _latest(row["created_at"] for row in operations),
    }


def _covered(oracle: Oracle, account: str, channel: str) -> Record:
    rows = _mine(oracle.world.coverage, account, channel)
    gaps = _mine(oracle.world.gaps, account, channel)
    last_read = _latest(row["read_at"] for row in rows)
    complete = _complete_up_to(rows, gaps) if rows else None
    freezing = min((row["window_start"] for row in rows if _may_freeze(row, oracle)), default=None)
    return {
        "last_synced_at": last_read,
        "hours_since_sync": _hours(last_read, oracle.now),
        "complete_up_to": complete,
        "hours_to_deadline": _hours(oracle.retained_from, complete),
        "hours_to_freeze": _hours(oracle.retained_from, freezing),
    }


def _hours(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start) / HOUR


def _may_freeze(row: Record, oracle: Oracle) -> bool:
    """Whether a window has operations that were not read on the last day of their retention."""
    soon = min(row["window_end"], row["window_start"] + DAY / 2)
    last_day = soon + oracle.settings.retention - DAY
    return bool(
        (row.get("rows_read") or 0) > 0
        and row["window_end"] > oracle.retained_from
        and row["read_at"] < last_day
    )


def _complete_up_to(coverage: Sequence[Record], gaps: Sequence[Record]) -> datetime | None:
    """The first instant that is neither read completely nor accounted for otherwise.

    The time before the end of a gap was accounted for when that gap was found. Without a gap,
    nothing was due before the first complete window.
    """
    spans = [Span(row["window_start"], row["window_end"]) for row in coverage if row["is_complete"]]
    tracked_from: datetime | None = _latest(row["gap_end"] for row in gaps)
    tracked_from = tracked_from or min((span.start for span in spans), default=None)
    end = max((span.end for span in spans), default=tracked_from)
    if tracked_from is None or end is None or end <= tracked_from:
        return tracked_from
    missing = uncovered(Span(tracked_from, end), spans)
    return missing[0].start if missing else end


def _beside(oracle: Oracle, account: str, channel: str) -> Record:
    gaps = _mine(oracle.world.gaps, account, channel)
    outcomes = [row["outcome"] for row in _mine(oracle.world.followed, account, channel)]
    return {
        "gaps": len(gaps),
        "gap_hours": sum((row["gap_end"] - row["gap_start"]) / HOUR for row in gaps),
        "last_gap_end": _latest(row["gap_end"] for row in gaps),
        "rejected": sum(
            rejection_state(row, oracle) == "open"
            for row in _mine(oracle.world.rejected, account, channel)
        ),
        "active_by_id": outcomes.count("active"),
        "not_found": outcomes.count("not_found"),
    }


def _runs(runs: Sequence[Record], oracle: Oracle) -> Record:
    last = _latest(row["started_at"] for row in runs)
    recent = [row for row in runs if row["started_at"] >= oracle.now - 7 * DAY]
    complete = [row["started_at"] for row in runs if row["outcome"] == "complete"]
    outcomes = [row["outcome"] for row in runs if row["started_at"] == last]
    return {
        "last_run_at": last,
        "last_run_outcome": min(outcomes, default=None),
        "last_complete_run_at": _latest(complete),
        "runs_7_days": len(recent),
        "troubled_runs_7_days": sum(row["outcome"] != "complete" for row in recent),
    }


def _latest(instants: Iterable[Any]) -> Any:
    return max(instants, default=None)
