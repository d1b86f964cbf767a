"""The payloads of the API's documentation, unchanged.

They contradict each other: whether counters are exclusive, which counters a channel has, and the
form of an id. Several have the same id. A client must read each of them correctly.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

CHANNEL_OF: Final = {"message": "messages", "email": "emails", "push": "push_notifications"}
"""The channel of a payload, by the first word of its name."""


@cache
def documented_payloads() -> dict[str, dict[str, Any]]:
    """Every documented payload by name; names of errors begin with `error`. Do not modify them."""
    path = files("comms_source.sandbox") / "documented_payloads.json"
    return msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, Any]])


def sample_names() -> list[str]:
    """The names of the payloads with operations."""
    return [name for name in documented_payloads() if name.split("_")[0] in CHANNEL_OF]


def operations_in(name: str) -> list[dict[str, Any]]:
    """The operations of one payload, which is a list or a single operation."""
    payload = documented_payloads()[name]
    operations: list[dict[str, Any]] = payload.get("operations", [payload])
    return operations
