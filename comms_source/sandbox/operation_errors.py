"""Why resources of an operation failed or were undelivered, with counts. Pure.

The API's documentation names this endpoint, and shows no response of it: the fields are made up.
"""

from __future__ import annotations

from typing import Any

from comms_source.sandbox.error_codes import error_of
from comms_source.sandbox.resource_rows import ShownResources


def errors_of(shown: ShownResources, now: int) -> list[dict[str, Any]]:
    """One row for each code at `now`, the most frequent code first."""
    times: dict[int, list[int]] = {}
    for index in shown.states.indices(now):
        state = shown.states.state(index, now)
        if state.status in {"FAILED", "UNDELIVERED"}:
            times.setdefault(shown.code(index, state), []).append(state.updated)
    rows = [
        error_of(code)
        | {
            "count": len(updates),
            "firstOccurredAt": shown.text(min(updates)),
            "lastOccurredAt": shown.text(max(updates)),
        }
        for code, updates in times.items()
    ]
    return sorted(rows, key=lambda row: (-row["count"], row["code"]))
