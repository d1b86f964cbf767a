"""The operations of a sandbox's channel as an account's runs know them, from state to state.

There is no request: each run knows every operation as it is then.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from comms_source.coverage.details import OperationState
from comms_source.sandbox.instants import from_ms, to_ms
from comms_source.sandbox.lifecycles import change_times, state_at
from comms_source.sandbox.population import GeneratedPopulation
from tests.simulation.world import CHANNEL

Change = tuple[int, int, OperationState]
"""When, the number of the operation, and its state from then on."""


class GrowingAccount:
    """The operations that a run knows: those of the retention, and of a little longer."""

    def __init__(
        self,
        population: GeneratedPopulation,
        *,
        since: datetime,
        retention: timedelta,
        interval: timedelta,
    ) -> None:
        """Begin without operations.

        Args:
            population: The operations of the channel.
            since: When the first of them is created.
            retention: How long the API keeps an operation.
            interval: The time between two runs: for so long an operation is known after that.
        """
        self._population = population
        self._following = population.first_from(to_ms(since))
        self._kept = retention + interval
        self._coming: list[Change] = []
        self._known: dict[int, OperationState] = {}

    def at(self, now: datetime) -> Mapping[int, OperationState]:
        """The operations at `now`, by number, in their state; `now` may only grow."""
        oldest, end = now - self._kept, self._population.first_from(to_ms(now) + 1)
        for number in range(self._following, end):
            for change in changes_of(self._population, number):
                heapq.heappush(self._coming, change)
        self._following = end
        while self._coming and self._coming[0][0] <= to_ms(now):
            _, number, state = heapq.heappop(self._coming)
            self._known[number] = state
        for number in [each for each, op in self._known.items() if op.created_at < oldest]:
            del self._known[number]
        return self._known


def changes_of(population: GeneratedPopulation, number: int) -> Iterator[Change]:
    """The states of an operation, each with its instant."""
    life = population.life(number)
    before: int | None = None
    for instant in sorted({life.created, *change_times(life)}):
        if instant < life.created:
            continue
        state = state_at(life, instant, cumulative=False)
        version = hash((state.status, *state.stats.values()))
        if version == before:
            continue
        before = version
        shown = OperationState(
            channel=CHANNEL,
            id=population.id_of(number),
            created_at=from_ms(life.created),
            version=version,
            total=state.stats["total"],
            not_delivered=state.stats["failed"] + state.stats["undelivered"],
        )
        yield instant, number, shown
