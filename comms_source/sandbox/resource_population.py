"""The resources of one channel: which lists show them, and where they are found.

Each has a number: that of its operation, and its index in it. So numbers increase with the creation
time, as those of operations do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from comms_source.channels import Channel
from comms_source.sandbox.operation_errors import errors_of
from comms_source.sandbox.paging import cut, from_place, operations_between
from comms_source.sandbox.population import GeneratedPopulation
from comms_source.sandbox.queries import Position
from comms_source.sandbox.resource_rows import INDEX_BITS, ShownResources, place_in
from comms_source.sandbox.settings import SandboxSettings

KEPT: Final = 32
"""How many operations have their resources planned at a time; a large one takes about a MB."""

_INDEX: Final = 2**INDEX_BITS - 1
_ENCODER: Final = msgspec.json.Encoder()

_MATCHES: Final[Mapping[str, Callable[[dict[str, Any], str], bool]]] = {
    "channel": lambda row, value: row["from"]["channel"] == value,
    "profile": lambda row, value: value in {each["profileId"] for each in row["to"]},
    "provider": lambda row, value: row["to"][0]["provider"] == value,
    "tags": lambda row, value: (
        dict(pair.split(":") for pair in value[:-1].split(";")).items() <= row["tags"].items()
    ),
}
"""Whether a row matches a filter."""


class ResourcePopulation:
    """The resources of the operations of one channel."""

    def __init__(
        self, channel: Channel, operations: GeneratedPopulation, settings: SandboxSettings
    ) -> None:
        """Derive the resources of `channel` from its operations."""
        self._channel = channel
        self._operations = operations
        self._settings = settings
        self._retention = settings.retention // timedelta(milliseconds=1)
        self._lag = settings.resource_lag // timedelta(milliseconds=1)
        self._planned = lru_cache(maxsize=KEPT)(self._plan)
        self._rendered: dict[int, dict[int, msgspec.Raw]] = {}

    def select(self, position: Position, now: int) -> tuple[list[int], Position | None]:
        """The numbers of the resources on a page, as lists show it at `now`, and the next page."""
        return cut(
            position,
            self._from(position, now),
            lambda number: self._matches(number, position, now),
            self._settings,
        )

    def numbers(self, operation_id: str | None, now: int) -> list[int]:
        """The numbers of all resources that lists show at `now`, of one operation or of all."""
        name = self._channel.name
        everything = Position(name, None, None, None, None, 1, operation_id=operation_id)
        operations = self._listed(everything, now)
        return [number for operation in operations for number in self._numbers(operation, now)]

    def show(self, number: int, now: int) -> dict[str, Any]:
        """The resource as lists show it at `now`."""
        return self._shown(number).row(number & _INDEX, self._operations.seen_at(now))

    def answer(self, number: int, now: int) -> Any:
        """The same as a part of a response, which may be encoded already."""
        if not self._settings.rendered:
            return self.show(number, now)
        return self._render(number >> INDEX_BITS, now)[number & _INDEX]

    def fetch(self, resource_id: str, now: int) -> dict[str, Any] | None:
        """The resource with this id as it is shown by id at `now`; None if it is not found."""
        place = place_in(resource_id, self._channel)
        if place is None or not self._operations.fetched(place[0], now):
            return None
        operation, index = place
        shown, seen = self._planned(operation), self._operations.seen_at(now)
        if shown.id_of(index) != resource_id or index not in shown.states.indices(seen):
            return None
        return shown.details(index, seen)

    def errors(self, operation_id: str, now: int) -> list[dict[str, Any]] | None:
        """The errors of an operation at `now`; None if it is not found."""
        operation = self._operations.find(operation_id)
        if operation is None or not self._operations.fetched(operation, now):
            return None
        return errors_of(self._planned(operation), self._operations.seen_at(now))

    def _shown(self, number: int) -> ShownResources:
        return self._planned(number >> INDEX_BITS)

    def _plan(self, operation: int) -> ShownResources:
        return ShownResources(
            life=self._operations.life(operation),
            number=operation,
            key=self._operations.key_of(operation),
            operation_id=self._operations.id_of(operation),
            settings=self._settings,
        )

    def _render(self, operation: int, now: int) -> Mapping[int, msgspec.Raw]:
        """The rows of an operation as bytes, by index; they do not change."""
        found = self._rendered.get(operation)
        if found is None:
            shown, seen = self._planned(operation), self._operations.seen_at(now)
            found = {
                index: msgspec.Raw(_ENCODER.encode(shown.row(index, seen)))
                for index in shown.states.indices(seen)
            }
            self._rendered[operation] = found
        return found

    def _listed(self, position: Position, now: int) -> range:
        """The operations whose resources lists show at `now`, oldest first."""
        listed = operations_between(
            position,
            self._operations,
            self._settings,
            oldest=now - self._retention,
            newest=now - self._lag,
        )
        if position.operation_id is None:
            return listed
        found = self._operations.find(position.operation_id)
        return range(found, found + 1) if found is not None and found in listed else range(0)

    def _numbers(self, operation: int, now: int) -> list[int]:
        """The numbers of the resources of an operation, in order."""
        if not self._operations.listed(operation, now):
            return []
        seen = self._operations.seen_at(now)
        indices = (
            self._render(operation, now)
            if self._settings.rendered
            else self._planned(operation).states.indices(seen)
        )
        return [operation << INDEX_BITS | index for index in indices]

    def _from(self, position: Position, now: int) -> Iterator[int]:
        """The numbers that match the filters of time and operation, from the page on."""
        at, sign = position.next_number, 1 if self._settings.order == "ascending" else -1
        place = None if at is None else at >> INDEX_BITS
        operations = self._listed(position, now)
        ordered = from_place(operations, replace(position, next_number=place), self._settings)
        for operation in ordered:
            numbers = self._numbers(operation, now)[::sign]
            yield from (each for each in numbers if at is None or sign * each >= sign * at)

    def _matches(self, number: int, position: Position, now: int) -> bool:
        seen = self._operations.seen_at(now)
        if position.status is not None:
            state = self._shown(number).states.state(number & _INDEX, seen)
            if state.status != position.status:
                return False
        if not position.filters:
            return True
        row = self.show(number, now)
        return all(_MATCHES[name](row, value) for name, value in position.filters)
