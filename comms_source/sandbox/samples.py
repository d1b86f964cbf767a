"""The payloads that the API's documentation shows, value for value, and a population of them.

They contradict each other: on whether counters are exclusive, on which counters a channel has, on
what an id looks like; and several share one id. A client has to be right about each of them.
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
    """Every documented payload by name; those of errors begin with `error`. Not to be altered."""
    path = files("comms_source.sandbox") / "documented_payloads.json"
    payloads: dict[str, dict[str, Any]] = msgspec.json.decode(path.read_bytes())
    return payloads


def sample_names() -> list[str]:
    """The names of the payloads that hold operations."""
    return [name for name in documented_payloads() if name.split("_")[0] in CHANNEL_OF]


def operations_in(name: str) -> list[dict[str, Any]]:
    """The operations of one payload, be it a list or a single one."""
    payload = documented_payloads()[name]
    operations: list[dict[str, Any]] = payload.get("operations", [payload])
    return operations


class SamplePopulation:
    """The operations of some documented payloads, shown from their creation on for ever."""

    def __init__(self, channel: Channel, names: Sequence[str]) -> None:
        """Take those of `names` that are payloads of `channel`."""
        mine = [name for name in names if CHANNEL_OF[name.split("_")[0]] == channel.name]
        operations = [operation for name in mine for operation in operations_in(name)]
        self._operations = sorted(operations, key=_created)

    def first_from(self, instant: int) -> int:
        """The number of the first operation created at or after `instant`, in milliseconds."""
        return bisect_left(self._operations, instant, key=_created)

    def created(self, number: int) -> int:
        """When the operation was created, in milliseconds."""
        return _created(self._operations[number])

    def oldest_listed(self, now: int) -> int:  # noqa: ARG002 - a population of another kind needs it
        """No sample is too old to be shown."""
        return 0

    def listed(self, number: int, now: int) -> bool:  # noqa: ARG002
        """Every sample is shown."""
        return True

    def fetched(self, number: int, now: int) -> bool:  # noqa: ARG002
        """Every sample can be fetched."""
        return True

    def show(self, number: int, now: int) -> dict[str, Any]:  # noqa: ARG002
        """The sample, value for value."""
        return self._operations[number]

    def answer(self, number: int, now: int) -> Any:
        """The same as it goes into an answer."""
        return self.show(number, now)

    def find(self, operation_id: str) -> int | None:
        """The number of the first sample with this id."""
        ids = [operation["id"] for operation in self._operations]
        return ids.index(operation_id) if operation_id in ids else None


def _created(operation: dict[str, Any]) -> int:
    return to_ms(datetime.fromisoformat(operation["createdAt"]))
