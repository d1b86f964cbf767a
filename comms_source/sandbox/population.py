"""The operations of one channel: generated ones, or those of documented payloads.

Generated ones are unlimited in both directions of time, and not stored. The creation time of the
k-th operation increases with k, with more operations by day than by night. So a range of creation
time is a range of k, found by bisection. The id contains k, so an operation can be found by its id.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from comms_source.channels import CHANNELS, Channel
from comms_source.sandbox.ids import number_in, to_digits
from comms_source.sandbox.instants import format_instant, to_ms
from comms_source.sandbox.lifecycles import DAY, Lifecycle, plan_lifecycle, state_at
from comms_source.sandbox.pseudo_random import fraction, mix
from comms_source.sandbox.samples import CHANNEL_OF, operations_in
from comms_source.sandbox.settings import SandboxSettings
from comms_source.sandbox.troubles import apply_troubles, troubles_of

PREFIX: Final = "comms_operation_"
_BEGINNING: Final = 1_577_836_800_000  # 2020-01-01, in milliseconds
_RHYTHM: Final = 0.7
_NUMBER_DIGITS: Final = 10


class Population(Protocol):
    """Numbered operations, in the order of their creation."""

    def first_from(self, instant: int) -> int:
        """The number of the first operation created at or after `instant`, in milliseconds."""

    def created(self, number: int) -> int:
        """When the operation was created, in milliseconds and as precisely as it is shown."""

    def show(self, number: int, now: int) -> dict[str, Any]:
        """The operation as the API shows it at `now`."""

    def find(self, operation_id: str) -> int | None:
        """The number of the operation with this id."""

    def oldest_listed(self, now: int) -> int:  # noqa: ARG002
        """The earliest creation time of which lists may show anything at `now`."""
        return 0

    def listed(self, number: int, now: int) -> bool:  # noqa: ARG002
        """Whether lists show the operation at `now`; it was created in the range they look at."""
        return True

    def fetched(self, number: int, now: int) -> bool:  # noqa: ARG002
        """Whether the operation can be fetched by id at `now`."""
        return True

    def answer(self, number: int, now: int) -> Any:
        """The same as `show` as a part of a response, which may be encoded already."""
        return self.show(number, now)


class GeneratedPopulation(Population):
    """Operations generated from a seed."""

    def __init__(self, channel: Channel, settings: SandboxSettings) -> None:
        """Generate the operations of `channel`."""
        self._channel = channel
        self._settings = settings
        self._salt = list(CHANNELS).index(channel.name)
        self._seed = mix(settings.seed, self._salt)
        self._volume = settings.volume(channel.name)
        self._interval = 7 * DAY / self._volume if self._volume else math.inf
        self._precision = 1000 if settings.timestamps == "seconds" else 1
        self._retention = settings.retention // timedelta(milliseconds=1)
        by_id = settings.fetch_retention or settings.retention
        self._fetch_retention = by_id // timedelta(milliseconds=1)
        self._lag = settings.visibility_lag / timedelta(milliseconds=1)
        self._partial = settings.past_retention == "partial"
        self._cumulative = settings.readings.get(channel.name) == "cumulative"
        self._troubles = troubles_of(channel, settings.troubles)

    def first_from(self, instant: int) -> int:
        """The number of the first operation created at or after `instant`, in milliseconds."""
        if not self._volume:
            return 0
        guess = int((instant - _BEGINNING) / self._interval)
        reach = int(DAY / self._interval) + 2
        numbers = range(guess - reach, guess + reach)
        return numbers[0] + bisect_left(numbers, instant, key=self.created)

    def created(self, number: int) -> int:
        """When the operation was created, in milliseconds and as precisely as it is shown."""
        even = (number + fraction(self._seed, number, 100)) * self._interval
        turn = 2 * math.pi * even / DAY
        exact = _BEGINNING + int(even + _RHYTHM * DAY / (2 * math.pi) * math.sin(turn))
        return exact - exact % self._precision

    def oldest_listed(self, now: int) -> int:
        """The earliest creation time of which lists may show anything at `now`."""
        return now - self._retention * (4 if self._partial else 1)

    def listed(self, number: int, now: int) -> bool:
        """Whether lists show the operation at `now`; it was created in the range they look at."""
        if not self._lag and not self._partial:
            return True
        created, key = self.created(number), self.key_of(number)
        if created + self._lag * fraction(key, 101) > now:
            return False
        return created >= now - self._retention or fraction(key, 102) < 0.5  # noqa: PLR2004

    def fetched(self, number: int, now: int) -> bool:
        """Whether the operation can be fetched by id at `now`."""
        if not self._volume:
            return False
        return now - self._fetch_retention <= self.created(number) <= now

    def seen_at(self, now: int) -> int:
        """The instant whose state is shown at `now`."""
        return now

    def life(self, number: int) -> Lifecycle:
        """The lifecycle of the operation."""
        created, key = self.created(number), self.key_of(number)
        life = plan_lifecycle(channel=self._channel, created=created, key=key)
        return apply_troubles(life, self._troubles, key=key)

    def show(self, number: int, now: int) -> dict[str, Any]:
        """The operation as the API shows it at `now`."""
        life = self.life(number)
        state = state_at(life, max(now, life.created), cumulative=self._cumulative)
        return {
            "id": self.id_of(number),
            "status": state.status,
            "stats": state.stats,
            "createdAt": format_instant(life.created, self._settings.timestamps),
            "updatedAt": format_instant(state.updated, self._settings.timestamps),
        }

    def id_of(self, number: int) -> str:
        """The id of the operation: its channel, number and checksum, in the API's alphabet."""
        check = mix(self.key_of(number), 103)
        return f"{PREFIX}{self._salt}{to_digits((number % 2**50) << 75 | check)}"

    def find(self, operation_id: str) -> int | None:
        """The number of the operation with this id."""
        number = number_in(operation_id.removeprefix(PREFIX)[1 : 1 + _NUMBER_DIGITS])
        if number is None or not self._volume:
            return None
        number = number if number < 2**49 else number - 2**50
        return number if self.id_of(number) == operation_id else None

    def key_of(self, number: int) -> int:
        """What everything made up about the operation depends on."""
        return mix(self._seed, number)


class SamplePopulation(Population):
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

    def show(self, number: int, now: int) -> dict[str, Any]:  # noqa: ARG002
        """The sample, unchanged."""
        return self._operations[number]

    def find(self, operation_id: str) -> int | None:
        """The number of the first sample with this id."""
        ids = [operation["id"] for operation in self._operations]
        return ids.index(operation_id) if operation_id in ids else None


def _created(operation: dict[str, Any]) -> int:
    return to_ms(datetime.fromisoformat(operation["createdAt"]))
