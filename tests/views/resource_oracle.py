"""Counters of operations beside the statuses of their resources, in plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tests.views.outcome_oracle import Counted
from tests.views.sums import grouped
from tests.views.view_tables import Record, State
from tests.views.view_worlds import World

Key = tuple[str, str, str]
"""Account, channel and id of an operation."""

STATUSES: Final = {
    "scheduled": ("SCHEDULED",),
    "queued": ("QUEUED",),
    "sent": ("SENT",),
    "delivered": ("DELIVERED",),
    "engaged": ("READ", "OPENED"),
    "undelivered": ("UNDELIVERED",),
    "failed": ("FAILED",),
    "canceled": ("CANCELED",),
}
"""The statuses of resources that each counter counts in exclusive mode."""

KINDS: Final = {
    (True, True): "either",
    (True, False): "exclusive",
    (False, True): "cumulative",
    (False, False): "neither",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An operation whose resources were read in the state that it is in."""

    key: Key
    changed_at: datetime
    read_at: datetime
    resources: int
    statuses: Mapping[str, int]
    """How many resources each counter counts in exclusive mode."""
    exclusive: int
    """How far the counters are from those of the exclusive mode."""
    cumulative: int

    @property
    def kind(self) -> str:
        """In which modes the counters agree with the resources."""
        return KINDS[self.exclusive == 0, self.cumulative == 0]


def listed(world: World) -> list[Record]:
    """The resources that the last reading of their operation listed."""
    read_at = {
        (row["account"], row["channel"], row["operation_id"]): row["read_at"]
        for row in world.details
        if row["kind"] == "resources" and row["read_at"] is not None
    }
    return [
        row
        for row in world.resources
        for at in [read_at.get((row["account"], row["channel"], row["operation_id"]))]
        if at is None or row["synced_at"] >= at
    ]


def comparisons(
    world: World, counted: Sequence[Counted], current: Mapping[Key, State]
) -> Iterator[Comparison]:
    """The operations that can be compared with their resources."""
    resources = grouped(listed(world), "account", "channel", "operation_id")
    read = {
        (row["account"], row["channel"], row["operation_id"]): row
        for row in world.details
        if row["kind"] == "resources" and row["outcome"] == "read"
    }
    for each in counted:
        key = (each.shown.account, each.shown.channel, each.shown.id)
        mine, row = resources.get(key, []), read.get(key)
        state = current.get(key)
        last = state.shown if state else each.shown
        changed = last.synced_at or last.created_at
        if row and mine and each.is_counted and _is_same(row, mine, changed):
            yield _compared(key, each, mine, changed_at=changed, read_at=row["read_at"])


def _is_same(row: Record, mine: Sequence[Record], changed: datetime) -> bool:
    is_whole = not row["rejected"] and row["resources"] == len(mine)
    return is_whole and bool(changed <= row["read_at"])


def _compared(
    key: Key, counted: Counted, mine: Sequence[Record], *, changed_at: datetime, read_at: datetime
) -> Comparison:
    status = Counter(each["status"] for each in mine)
    each = {name: sum(status[one] for one in several) for name, several in STATUSES.items()}
    reached = each["delivered"] + each["engaged"]
    through = {"sent": each["sent"] + reached + each["undelivered"], "delivered": reached}
    return Comparison(
        key=key,
        changed_at=changed_at,
        read_at=read_at,
        resources=len(mine),
        statuses=each,
        exclusive=_distance(counted, each),
        cumulative=_distance(counted, each | through),
    )


def _distance(counted: Counted, expected: Mapping[str, int]) -> int:
    """How far the counters are from these; a counter that the channel does not have counts as 0."""
    shown = counted.value | {"engaged": counted.engaged}
    names = {"sent": "api_sent", "delivered": "api_delivered"}
    return sum(
        abs((shown[names.get(name, name)] or 0) - number) for name, number in expected.items()
    )
