"""The life of one operation: a plan made once, and its state at any instant.

A plan is a handful of flows. A flow says that so many sends (or attempts, or recipients) arrive in
a counter, evenly, between two instants. The state at an instant is arithmetic on the flows and
nothing else: no clock, no chance, no memory. All of it is in whole numbers, so a counter and the
instant at which it last changed always agree.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import msgspec

Stage = Literal["SCHEDULED", "PROCESSING", "COMPLETED", "CANCELED"]

LEAVES_QUEUE: Final = ("sent", "failed", "canceled", "unaddressable", "grouped")
"""The flows that take a send out of the queue; `grouped` sends have no counter of their own."""


class Flow(NamedTuple):
    """So many units that arrive in a counter between two instants."""

    counter: str
    """The counter in which they arrive, cumulated; `grouped` for sends that nothing counts."""
    count: int
    """How many arrive in all."""
    first: int
    """The instant after which the first of them may arrive."""
    last: int
    """The instant at which all have arrived."""

    def arrived(self, now: int) -> int:
        """How many have arrived."""
        if now >= self.last:
            return self.count
        if now <= self.first:
            return 0
        return self.count * (now - self.first) // (self.last - self.first)

    def changed(self, arrived: int) -> int:
        """The instant at which the last of `arrived` units came."""
        return self.first + -(-arrived * (self.last - self.first) // self.count)


class Life(msgspec.Struct, frozen=True):
    """The plan of one operation."""

    id: str
    """The operation's id."""
    created: int
    """The instant of its creation, in milliseconds as all instants here."""
    scheduled: bool
    """Whether it was created for a later time."""
    starts: int
    """When its sends go to the queue."""
    ends: int
    """When the last of them has left the queue, or was canceled."""
    outcome: Stage
    """Its status from `ends` on."""
    total: int
    """How many sends it makes."""
    recipients: int
    """How many recipients it targets."""
    flows: tuple[Flow, ...]
    """What happens to the sends."""
    quiet: bool
    """Whether `updatedAt` stands still after `ends` though counters still move."""
    lag: float
    """Its share, from 0 to 1, of the longest visibility lag."""
    kept: bool
    """Whether it is among those that survive retention when a part of them does."""

    def stage(self, now: int) -> Stage:
        """Its status."""
        if now >= self.ends:
            return self.outcome
        return "SCHEDULED" if self.scheduled and now < self.starts else "PROCESSING"

    def settles(self) -> int:
        """The instant after which nothing about it changes any more."""
        return max(self.ends, *(flow.last for flow in self.flows))

    def state(self, now: int) -> State:
        """Everything about it that changes with time."""
        arrived: dict[str, int] = {}
        changed = self._last_step(now)
        for flow in self.flows:
            units = flow.arrived(now)
            if units:
                arrived[flow.counter] = arrived.get(flow.counter, 0) + units
                changed = max(changed, flow.changed(units))
        if self.quiet and now >= self.ends:
            changed = self.ends
        return State(self.stage(now), changed, self._waiting(arrived), arrived)

    def _last_step(self, now: int) -> int:
        if now >= self.ends:
            return self.ends
        return self.starts if self.scheduled and now >= self.starts else self.created

    def _waiting(self, arrived: dict[str, int]) -> int:
        return self.total - sum([arrived.get(counter, 0) for counter in LEAVES_QUEUE])


class State(NamedTuple):
    """An operation at an instant, before a channel decides which of it is shown, and how."""

    stage: Stage
    """The status."""
    updated: int
    """When status or counters last changed."""
    waiting: int
    """How many sends wait, for their time or in the queue."""
    arrived: dict[str, int]
    """By counter, how many units ever arrived; a counter in which none did is missing."""
