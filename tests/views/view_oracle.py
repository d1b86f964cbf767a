"""The measures once more, in plain Python and from their definitions, to judge the views by.

Whole numbers and fractions only, one operation after another: as slow as it is simple.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from comms_source.channels import CHANNELS
from comms_source.view_settings import ViewSettings
from tests.views.sums import grouped, less, plus, quotient, ratio, sensible, share, sum_known
from tests.views.view_tables import Operation, Record, State
from tests.views.view_worlds import World

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
OPEN: Final = ("SCHEDULED", "PROCESSING")
ENDED: Final = ("COMPLETED", "CANCELED")
PUSH: Final = "push_notifications"
COUNTERS: Final = (
    "total",
    "recipients",
    "attempts",
    "unaddressable",
    "scheduled",
    "queued",
    "sent",
    "delivered",
    "read",
    "opened",
    "undelivered",
    "failed",
    "canceled",
)
OF_RECIPIENTS_OR_ATTEMPTS: Final = frozenset({"total", "recipients", "attempts", "unaddressable"})
SUMMED: Final = (*COUNTERS, "in_flight", "reached_low", "reached_high")


Key = tuple[str, str, str]
"""Account, channel and id."""


class Oracle:
    """What the views should say of a world."""

    def __init__(self, world: World, told: ViewSettings) -> None:
        """Prepare to be asked; `told` must say what the present is."""
        assert told.now is not None
        self.world = world
        self.told = told
        self.now = told.now
        self.retained_from = told.now - told.retention
        self._zone = ZoneInfo(told.time_zone)

    def local(self, instant: datetime) -> datetime:
        """What the clock on the wall shows."""
        return instant.astimezone(self._zone).replace(tzinfo=None, fold=0)

    def day(self, row: Record) -> date:
        """The local day on which the operation of a row was created."""
        return self.local(row["created_at"]).date()

    @cached_property
    def counted(self) -> list[Counted]:
        """The counters of each operation."""
        return [Counted(operation) for operation in self.world.operations]

    @cached_property
    def own_readings(self) -> dict[tuple[str, str], Counter[str]]:
        """By account and channel, how many operations have which reading of their own."""
        votes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for each in self.counted:
            votes[each.operation.account, each.operation.channel][each.own_reading] += 1
        return votes

    @cached_property
    def lost(self) -> set[Key]:
        """The operations that were lost from sight."""
        return {
            (row["account"], row["channel"], row["operation_id"])
            for row in self.world.followed
            if row["outcome"] == "lost"
        }

    @cached_property
    def begun(self) -> dict[Key, datetime]:
        """When operations that were scheduled for later were first seen to be so no more."""
        ends: dict[Key, datetime] = {}
        for state in self.world.states:
            key = key_of(state.shown)
            if state.shown.status == "SCHEDULED" and state.valid_to is not None:
                ends[key] = max(state.valid_to, ends.get(key, state.valid_to))
        return ends

    @cached_property
    def operations(self) -> list[Record]:
        """All that views say of single operations."""
        current = {
            key_of(state.shown): state for state in self.world.states if state.valid_to is None
        }
        return [
            each.measures(self.reading(each))
            | {
                "age_hours": (self.now - each.operation.created_at) / HOUR,
                "is_settled": self._settled(each.operation, current.get(key_of(each.operation))),
            }
            for each in self.counted
        ]

    def channel_reading(self, account: str, channel: str) -> str:
        """How operations that leave it open are read."""
        votes = {"exclusive", "cumulative"} & self.own_readings[account, channel].keys()
        return next(iter(votes)) if len(votes) == 1 else "either"

    def reading(self, counted: Counted) -> str:
        """How an operation is read."""
        operation, own = counted.operation, counted.own_reading
        settled = self.channel_reading(operation.account, operation.channel)
        pin = self.told.stats_reading.get(operation.channel)
        return pin or (settled if own == "either" else own)

    def _settled(self, operation: Operation, state: State | None) -> bool:
        if operation.status in OPEN:
            return key_of(operation) in self.lost
        if operation.created_at < self.retained_from:
            return True
        if operation.status not in ENDED or state is None:
            return False
        return read_at(operation) - read_at(state.shown) >= DAY


def key_of(operation: Operation) -> Key:
    """What tells an operation from all others."""
    return operation.account, operation.channel, operation.id


def read_at(operation: Operation) -> datetime:
    """When the API said all this."""
    return operation.synced_at or operation.created_at


def daily_delivery(oracle: Oracle) -> list[Record]:
    """The rows of the view of that name."""
    rows = [row | {"day": oracle.day(row)} for row in oracle.operations]
    return [
        {"day": day, "account": account, "channel": channel, **_day(group)}
        for (day, account, channel), group in grouped(rows, "day", "account", "channel").items()
    ]


class Counted:
    """One operation; what it does not tell, or cannot mean, is None."""

    def __init__(self, operation: Operation) -> None:
        """Take over the counters that its channel has."""
        self.operation = operation
        self.channel = operation.channel
        self.own = CHANNELS[operation.channel].counters
        self.told = {name: operation.counters.get(name) for name in self.own}
        self.counters = {name: sensible(value) for name, value in self.told.items()}

    def get(self, name: str) -> int | None:
        """A counter."""
        return self.counters.get(name)

    @property
    def engaged(self) -> int | None:
        """How many resources were read or opened."""
        return self.get("opened" if self.channel == "emails" else "read")

    @property
    def in_states(self) -> int | None:
        """How many resources the status counters count, one state after another."""
        return plus(*(self.get(name) for name in self.own if name not in OF_RECIPIENTS_OR_ATTEMPTS))

    @property
    def ruled_out(self) -> tuple[bool, bool]:
        """Whether the counters cannot be exclusive, and whether they cannot be cumulative."""
        delivered = self.get("delivered")
        beyond_sent = less(self.get("sent"), plus(delivered, self.get("undelivered")))
        beyond_delivered = less(delivered, self.engaged)
        return less(self.get("total"), self.in_states), beyond_sent or beyond_delivered

    @property
    def own_reading(self) -> str:
        """The reading that the operation's own counters leave."""
        return {
            (True, True): "inconsistent",
            (True, False): "cumulative",
            (False, True): "exclusive",
            (False, False): "either",
        }[self.ruled_out]

    def reached(self, reading: str) -> tuple[int | None, int | None]:
        """How many resources reached their recipient, at least and at most."""
        delivered, engaged = self.get("delivered"), self.engaged
        if delivered is None or engaged is None:
            return None, None
        if reading == "exclusive":
            return delivered + engaged, delivered + engaged
        if reading == "cumulative":
            return delivered, delivered
        least = max(delivered, engaged)
        total = self.get("total")
        most = delivered + engaged if total is None else min(total, delivered + engaged)
        return least, max(least, most)

    def in_flight(self, reading: str) -> int | None:
        """How many resources have no outcome yet."""
        waiting = plus(self.get("scheduled"), self.get("queued"))
        sent = self.get("sent")
        if self.channel == PUSH or sent == 0:
            return waiting
        if reading == "exclusive":
            return plus(waiting, sent)
        arrived = plus(self.get("delivered"), self.get("undelivered"))
        if reading == "cumulative" and sent is not None and arrived is not None:
            return plus(waiting, max(0, sent - arrived))
        return None

    @property
    def attempted(self) -> int | None:
        """The resources that were attempted, where at least one of them is in some state."""
        total, later = self.get("total"), plus(*map(self.get, ("scheduled", "queued", "canceled")))
        if total is None or later is None or self.in_states == 0:
            return None
        return total - later

    def measures(self, reading: str) -> Record:
        """All that the operation says by itself, once it is known how to read it."""
        low, high = self.reached(reading)
        states, total = self.in_states, self.get("total")
        not_exclusive, not_cumulative = self.ruled_out
        operation = self.operation
        row: Record = {
            "account": operation.account,
            "channel": self.channel,
            "id": operation.id,
            "status": operation.status,
            "created_at": operation.created_at,
            "updated_at": operation.updated_at,
            "synced_at": read_at(operation),
            "extra": operation.extra,
            **{name: self.get(name) for name in COUNTERS},
            "engaged": self.engaged,
            "status_sum": states,
            "is_odd": self.told != self.counters,
            "rules_out_exclusive": not_exclusive,
            "rules_out_cumulative": not_cumulative,
            "missed": plus(self.get("undelivered"), self.get("failed")),
            "attempted": self.attempted,
            "stats_reading": reading,
            "stats_check": None if states is None or total is None else states - total,
            "in_flight": self.in_flight(reading),
            "reached_low": low,
            "reached_high": high,
        }
        return row | _rates([row])


def _day(rows: Sequence[Record]) -> Record:
    status = [row["status"] for row in rows]
    return {
        "operations": len(rows),
        "completed_operations": status.count("COMPLETED"),
        "canceled_operations": status.count("CANCELED"),
        "open_operations": status.count("SCHEDULED") + status.count("PROCESSING"),
        **{name: sum_known(row[name] for row in rows) for name in SUMMED},
        **_rates(rows),
    }


def _rates(rows: Sequence[Record]) -> Record:
    """Each rate as a ratio of sums, over those rows that tell both of its sides."""
    attempted = [row for row in rows if row["attempted"] is None or row["attempted"] > 0]
    pushes = [row for row in rows if row["channel"] == PUSH]
    delivered_low = ratio(rows, "reached_low", "reached_low", "missed")
    delivered_high = ratio(rows, "reached_high", "reached_high", "missed")
    return {
        "delivery_rate": share(delivered_low if delivered_low == delivered_high else None),
        "delivery_rate_low": share(delivered_low),
        "delivery_rate_high": share(delivered_high),
        "attempted_delivery_rate_low": share(ratio(attempted, "reached_low", "attempted")),
        "attempted_delivery_rate_high": share(ratio(attempted, "reached_high", "attempted")),
        "failure_rate_low": share(ratio(rows, "missed", "missed", "reached_high")),
        "failure_rate_high": share(ratio(rows, "missed", "missed", "reached_low")),
        "read_rate_low": share(ratio(rows, "read", "reached_high")),
        "read_rate_high": share(ratio(rows, "read", "reached_low")),
        "open_rate_low": share(ratio(rows, "opened", "reached_high")),
        "open_rate_high": share(ratio(rows, "opened", "reached_low")),
        "acceptance_rate": share(ratio(pushes, "sent", "sent", "failed")),
        "unaddressable_rate": share(ratio(rows, "unaddressable", "recipients")),
        "cancel_rate": share(ratio(rows, "canceled", "total")),
        "attempts_per_resource": quotient(ratio(rows, "attempts", "total")),
    }
