"""The payloads of the API's documentation, unchanged, and a population of them.

They contradict each other: whether counters are exclusive, which counters a channel has, and the
form of an id. Several have the same id. A client must read each of them correctly.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from comms_source.channels import Channel
from comms_source.sandbox.instants import to_ms

CHANNEL_OF: Final = {"message": "messages", "email": "emails", "push": "push_notifications"}
"""The channel of a payload, by the first word of its name."""


@cache
def documented_payloads() -> dict[str, dict[str, Any]]:
    """Every documented payload by name; names of errors begin with `error`. Do not modify them."""
    path = files("comms_source.sandbox") / "documented_payloads.json"
    payloads: dict[str, dict[str, Any]] = msgspec.json.decode(path.read_bytes())
    return payloads


def sample_names() -> list[str]:
    """The names of the payloads with operations."""
    return [name for name in documented_payloads() if name.split("_")[0] in CHANNEL_OF]


def operations_in(name: str) -> list[dict[str, Any]]:
    """The operations of one payload, which is a list or a single operation."""
    payload = documented_payloads()[name]
    operations: list[dict[str, Any]] = payload.get("operations", [payload])
    return operations


class SamplePopulation:
    """The operations of some documented payloads, shown from their creation on without end."""

    def __init__(self, channel: Channel, names: Sequence[str]) -> None:
        """Use the payloads of `channel` among `names`."""
        mine = [name for name in names if CHANNEL_OF[name.split("_")[0]] == channel.name]
        operations = [operation for name in mine for operation in operations_in(name)]
        self._operations = sorted(operations, key=_created)

    def first_from(self, instant: int) -> int:
        """The number of the first operation created at or after `instant`, in milliseconds."""
        return bisect_left(self._operations, instant, key=_created)

    def created(self, number: int) -> int:
        """When the operation was created, in milliseconds."""
        return _created(self._operations[number])

    def oldest_listed(self, now: int) -> int:  # noqa: ARG002 - part of the protocol
        """0, because no sample is too old to be shown."""
        return 0

    def listed(self, number: int, now: int) -> bool:  # noqa: ARG002
        """True, because every sample is shown."""
        return True

    def fetched(self, number: int, now: int) -> bool:  # noqa: ARG002
        """True, because every sample can be fetched."""
        return True

    def show(self, number: int, now: int) -> dict[str, Any]:  # noqa: ARG002
        """The sample, unchanged."""
        return self._operations[number]

    def answer(self, number: int, now: int) -> Any:
        """The same as a part of a response."""
        return self.show(number, now)

    def find(self, operation_id: str) -> int | None:
        """The number of the first sample with this id."""
        ids = [operation["id"] for operation in self._operations]
        return ids.index(operation_id) if operation_id in ids else None


def _created(operation: dict[str, Any]) -> int:
    return to_ms(datetime.fromisoformat(operation["createdAt"]))
