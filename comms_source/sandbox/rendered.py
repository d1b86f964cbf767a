"""Operations that are rendered once and do not change: for measuring how fast a reader is."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from comms_source.channels import Channel
from comms_source.sandbox.population import GeneratedPopulation
from comms_source.sandbox.settings import SandboxSettings

_ENCODER: Final = msgspec.json.Encoder()


class RenderedPopulation(GeneratedPopulation):
    """The operations of a `GeneratedPopulation` at one instant, as bytes."""

    def __init__(self, channel: Channel, settings: SandboxSettings, now: int) -> None:
        """Render what lists show at `now`, in milliseconds."""
        super().__init__(channel, settings)
        self._at = now
        self._first = super().first_from(self.oldest_listed(now))
        numbers = range(self._first, super().first_from(now + 1))
        show, encode = super().show, _ENCODER.encode
        self._rows = [msgspec.Raw(encode(show(number, now))) for number in numbers]

    def oldest_listed(self, now: int) -> int:  # noqa: ARG002 - nothing leaves the lists
        """Where the lists begin, which is as it was when they were rendered."""
        return super().oldest_listed(self._at)

    def first_from(self, instant: int) -> int:
        """As in a generated population, limited to the rendered operations."""
        return min(max(super().first_from(instant), self._first), self._first + len(self._rows))

    def fetched(self, number: int, now: int) -> bool:
        """Whether the operation can be fetched by id at `now`."""
        return 0 <= number - self._first < len(self._rows) and super().fetched(number, now)

    def seen_at(self, now: int) -> int:  # noqa: ARG002 - it does not change
        """The instant at which everything is rendered."""
        return self._at

    def answer(self, number: int, now: int) -> Any:  # noqa: ARG002 - it does not change
        """The rendered operation, as a part of a response."""
        return self._rows[number - self._first]

    def show(self, number: int, now: int) -> dict[str, Any]:
        """The rendered operation, decoded."""
        return msgspec.json.decode(self.answer(number, now), type=dict[str, Any])
