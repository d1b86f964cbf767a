"""The resources behind the counters of an operation: their states, at any time. Pure.

The counters of an operation are planned first, in `lifecycles`. Here each of its resources gets a
part in that plan, so that at every instant the number of resources in each state is the counter.
A resource only moves forward. Times are milliseconds since the Unix epoch.

Each recipient has one resource, at an index from 0 on. Nobody knows which recipients are
unaddressable until the operation begins: while it is scheduled, its counter includes them, and so
do its resources. From the beginning on, they have none. A group message is one resource.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from random import Random
from typing import Final, NamedTuple

from comms_source.sandbox.lifecycles import Lifecycle, change_times, counts_at, last_change
from comms_source.sandbox.pseudo_random import mix

STATUSES: Final = {
    "messages": (
        *("SCHEDULED", "QUEUED", "SENT", "DELIVERED", "READ", "UNDELIVERED", "FAILED"),
        *("CANCELED", "GROUP", "INBOUND"),
    ),
    "emails": (
        *("SCHEDULED", "QUEUED", "SENT", "DELIVERED", "UNDELIVERED", "OPENED", "FAILED"),
        *("CANCELED", "INBOUND"),
    ),
    "push_notifications": ("SCHEDULED", "QUEUED", "SENT", "FAILED", "CANCELED"),
}
"""The documented statuses of a resource, by channel."""

# A salt for the keys of operations; those up to 105 are used elsewhere.
_SHUFFLED: Final = 106

Step = tuple[int, str]
"""The instant of a change, and the status from then on."""


class ResourceState(NamedTuple):
    """The state of a resource at one time."""

    status: str
    updated: int
    """When its status last changed."""
    attempts: int
    """How many attempts were made."""
    processed: int
    """When it was handed over or failed; without an attempt, when it was created."""


class OperationResources:
    """The resources of one operation."""

    def __init__(self, life: Lifecycle, key: int) -> None:
        """Give each recipient of the operation with this key a part in its lifecycle."""
        self._life = life
        self._every = range(life.total)
        # `Random.random` is the same in all versions of Python, `Random.shuffle` may not be.
        chance = Random(mix(key, _SHUFFLED)).random
        shuffled = sorted(self._every, key=lambda _: chance())
        self._parts = [0] * life.total
        for part, index in enumerate(shuffled):
            self._parts[index] = part
        self._addressable = sorted(shuffled[: life.addressable])
        self._tracks = _tracks(life) if life.kind not in {"canceled", "group"} else []
        self._repeated = _repeated(self._tracks, life.fallback)

    def indices(self, now: int) -> Sequence[int]:
        """The indices of the resources that exist at `now`, in order."""
        life = self._life
        early = now < life.start or life.kind in {"canceled", "group"}
        return self._every if early else self._addressable

    def state(self, index: int, now: int) -> ResourceState:
        """The state of a resource that exists at `now`."""
        life = self._life
        if life.kind == "group":
            return ResourceState("GROUP", life.created, 1, life.created)
        if now < life.start:
            return ResourceState("SCHEDULED", life.created, 0, life.created)
        if life.kind == "canceled":
            return ResourceState("CANCELED", life.start, 0, life.created)
        part, changed = self._parts[index], last_change(life, now)
        track = self._tracks[part]
        updated, status = next(step for step in reversed(track) if step[0] <= changed)
        if status == "QUEUED":
            return ResourceState(status, updated, 0, life.created)
        return ResourceState(status, updated, 1 + (part in self._repeated), track[1][0])


def _tracks(life: Lifecycle) -> list[tuple[Step, ...]]:
    """The steps of each addressable resource: those handed over in their order, then the failed.

    Those that are never processed come last.
    """
    instants = change_times(life)
    counts = [counts_at(life, instant, cumulative=True) for instant in instants]

    def arrivals(counter: str) -> list[Step]:
        """When the first, the second, ... resource is counted, as a step to that status."""
        known: list[Step] = []
        for instant, count in zip(instants, counts, strict=True):
            known += [(instant, counter.upper())] * (count[counter] - len(known))
        return known if counter in life.channel.counters else []

    queued, handed = (life.start, "QUEUED"), arrivals("sent")
    seen = arrivals("read") + arrivals("opened")
    outcomes = _by_deadline(
        [(step,) for step in arrivals("undelivered")],
        [(step, *seen[at : at + 1]) for at, step in enumerate(arrivals("delivered"))],
        handed=len(handed),
    )
    sent = [(queued, step, *outcome) for step, outcome in zip(handed, outcomes, strict=True)]
    processed = sent + [(queued, step) for step in arrivals("failed")]
    return processed + [(queued,)] * (life.addressable - len(processed))


def _by_deadline(*known: Sequence[tuple[Step, ...]], handed: int) -> list[tuple[Step, ...]]:
    """What follows for each of the resources handed over, in their order; nothing for some.

    At any number of resources handed over, their outcomes include all that are known by then.
    The counts are whole parts of the same progress, so the n-th of N outcomes is known when
    `handed * n // N` resources were handed over, or later. That is its deadline, and the earliest
    deadline comes first.
    """
    deadlines = [
        (handed * place // len(outcomes), outcome)
        for outcomes in known
        for place, outcome in enumerate(outcomes, 1)
    ]
    ordered = [outcome for _, outcome in sorted(deadlines, key=itemgetter(0))]
    return ordered + [()] * (handed - len(ordered))


def _repeated(tracks: Sequence[tuple[Step, ...]], fallback: float) -> frozenset[int]:
    """The parts with two attempts: of the first n processed, as many as the counter adds."""
    parts = [part for part, track in enumerate(tracks) if len(track) > 1]
    processed = sorted(parts, key=lambda part: tracks[part][1][0])
    return frozenset(
        part
        for place, part in enumerate(processed)
        if int((place + 1) * fallback) > int(place * fallback)
    )
