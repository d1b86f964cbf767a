"""What became of each recipient of a resource that has several. Pure.

The API's documentation names this endpoint, and shows no response of it: the fields are made up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from comms_source.sandbox.instants import to_ms
from comms_source.sandbox.lifecycles import HOUR, MINUTE
from comms_source.sandbox.pseudo_random import fraction

FAILED: Final = 0.1
"""The share of recipients that it does not reach."""


def receipts_of(resource: dict[str, Any], now: int) -> list[dict[str, Any]]:
    """One row for each recipient of a resource, as it is shown by id, at `now`."""
    created = to_ms(datetime.fromisoformat(resource["createdAt"]))
    seed = int.from_bytes(resource["id"].encode()[-8:])
    return [
        {"to": to, "status": _status(now - created, fraction(seed, place), fraction(place, seed))}
        for place, to in enumerate(resource["to"])
    ]


def _status(age: int, chance: float, pace: float) -> str:
    if chance < FAILED:
        return "FAILED"
    if age < pace * 10 * MINUTE:
        return "SENT"
    return "DELIVERED" if age < pace * 24 * HOUR else "READ"
