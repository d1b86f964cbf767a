"""The views in plain Python, from their definitions, to check the SQL against.

It uses integers and fractions only, one operation after another, so it is slow and simple.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from comms_source.channels import CHANNELS
from comms_source.views.settings import ViewSettings
from tests.views.outcome_oracle import Counted, outcomes
from tests.views.rate_oracle import rates
from tests.views.resource_oracle import Comparison, comparisons
from tests.views.sums import interval, plus
from tests.views.view_tables import Operation, Record, State
from tests.views.view_worlds import World

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
ACTIVE: Final = ("SCHEDULED", "PROCESSING")
ENDED: Final = ("COMPLETED", "CANCELED")
CHANNEL_ORDER: Final = {channel: order for order, channel in enumerate(CHANNELS, 1)}
FINALITY: Final = {"in_progress": 1, "settling": 2, "settled": 3, "frozen": 4, "final": 5}

Pair = tuple[str, str]
"""Account and channel."""

Key = tuple[str, str, str]
"""Account, channel and id."""


class Oracle:
    """The expected rows of the views, given the rows of the tables."""

    def __init__(self, world: World, settings: ViewSettings) -> None:
        """Use these rows; `settings.now` must be set."""
        assert settings.now is not None
        self.world = world
        self.settings = settings
        self.now = settings.now
        self.retained_from = settings.now - settings.retention
        self._zone = ZoneInfo(settings.time_zone)

    def local(self, instant: datetime) -> datetime:
        """The local time at an instant."""
        return instant.astimezone(self._zone).replace(tzinfo=None, fold=0)

    def instant(self, local: datetime) -> datetime:
        """The first instant with a local time."""
        return local.replace(tzinfo=self._zone).astimezone(UTC)

    def last_instant(self, local: datetime) -> datetime:
        """The last instant with a local time, which occurs twice if the clock is set back."""
        both = [self.instant(local.replace(fold=fold)) for fold in (0, 1)]
        matching = [instant for instant in both if self.local(instant) == local]
        return max(matching, default=both[0])

    def day(self, row: Record) -> date:
        """The local day on which the operation of a row was created."""
        return self.local(row["created_at"]).date()

    @cached_property
    def counted(self) -> list[Counted]:
        """The counters of each operation."""
        return [Counted(operation) for operation in self.world.operations]

    @cached_property
    def votes(self) -> Mapping[Pair, Counter[str]]:
        """By account and channel, how many operations rule out which modes."""
        votes: dict[Pair, Counter[str]] = defaultdict(Counter)
        for each in self.counted:
            votes[each.shown.account, each.shown.channel][own_mode(each)] += 1
        return votes

    @cached_property
    def comparisons(self) -> Mapping[Key, Comparison]:
        """The operations that can be compared with their resources."""
        found = comparisons(self.world, self.counted, self.current)
        return {each.key: each for each in found}

    @cached_property
    def resource_votes(self) -> Mapping[Pair, Counter[str]]:
        """By account and channel, how many operations agree with their resources in which modes."""
        votes: dict[Pair, Counter[str]] = defaultdict(Counter)
        for account, channel, name in self.comparisons:
            votes[account, channel][self.comparisons[account, channel, name].kind] += 1
        return votes

    @cached_property
    def not_found(self) -> Mapping[Key, datetime]:
        """The operations that the API did not find by id, and when it was asked."""
        return {
            (row["account"], row["channel"], row["operation_id"]): row["asked_at"]
            for row in self.world.followed
            if row["outcome"] == "not_found"
        }

    @cached_property
    def acknowledged(self) -> Mapping[Key, datetime]:
        """When operations, and rows without an id, that could not be read were acknowledged."""
        return {
            (row["account"], row["channel"], row["subject"]): row["acknowledged_at"]
            for row in self.world.acknowledged
        }

    @cached_property
    def current(self) -> Mapping[Key, State]:
        """The current state of each operation that has a history."""
        return {key_of(state.shown): state for state in self.world.states if state.valid_to is None}

    @cached_property
    def operations(self) -> list[Record]:
        """All columns of the views of single operations."""
        return [self._operation(each) for each in self.counted]

    @cached_property
    def states(self) -> list[Record]:
        """All columns of the views of single states."""
        rows = [(state, self._counts(Counted(state.shown))) for state in self.world.states]
        return [
            row
            | interval("delivered", row["delivered_low"], row["delivered_high"])
            | {
                "first_synced_at": synced_at(state.shown),
                "valid_from": state.valid_from,
                "valid_to": state.valid_to,
            }
            for state, row in rows
        ]

    def channel_mode(self, account: str, channel: str) -> str:
        """The mode of operations that fit both modes."""
        return self._decision(account, channel)[0]

    def decided_by(self, account: str, channel: str) -> str | None:
        """What decided that mode."""
        return self._decision(account, channel)[1]

    def _decision(self, account: str, channel: str) -> tuple[str, str | None]:
        """The mode of a channel, and what decided it: the first of three that does."""
        own = decided(self.votes.get((account, channel), Counter()))
        of_resources = decided(self.resource_votes.get((account, channel), Counter()))
        deciding = {
            "setting": self.settings.counter_mode.get(channel, "undecided"),
            "counters": own,
            "resources": of_resources,
        }
        for by, mode in deciding.items():
            if mode != "undecided":
                return mode, by
        return "undecided", None

    def mode(self, counted: Counted) -> str:
        """The counter mode of an operation or state."""
        shown, own = counted.shown, own_mode(counted)
        pinned = self.settings.counter_mode.get(shown.channel)
        if pinned:
            return pinned
        if own == "inconsistent":
            return "undecided"
        return self.channel_mode(shown.account, shown.channel) if own == "either" else own

    def _counts(self, counted: Counted) -> Record:
        """The columns that operations and states share."""
        shown, mode = counted.shown, self.mode(counted)
        return {
            "account": shown.account,
            "channel": shown.channel,
            "channel_order": CHANNEL_ORDER[shown.channel],
            "id": shown.id,
            "status": shown.status,
            "created_at": shown.created_at,
            "updated_at": shown.updated_at,
            **counted.value,
            "engaged": counted.engaged,
            "has_outcomes": counted.has_outcomes,
            "has_engagement": counted.has_engagement,
            "status_sum": counted.status_sum,
            "is_counted": counted.is_counted,
            "counter_mode": mode,
            "is_inconsistent": counted.is_inconsistent,
            "rules_out_exclusive": counted.rules_out_exclusive,
            "rules_out_cumulative": counted.rules_out_cumulative,
            **outcomes(counted, mode),
        }

    def _operation(self, counted: Counted) -> Record:
        operation = counted.shown
        row = self._counts(counted)
        finality = self._finality(operation)
        row |= {
            "has_invalid_counter": counted.has_invalid_counter,
            "counter_surplus": _difference(row["status_sum"], row["requested"]),
            "extra": operation.extra,
            "last_synced_at": synced_at(operation),
            "last_seen_age": (synced_at(operation) - operation.created_at) / HOUR,
            "age_hours": (self.now - operation.created_at) / HOUR,
            "finality": finality,
            "finality_order": FINALITY[finality],
            **interval("delivered", row["delivered_low"], row["delivered_high"]),
            **_in_flight(row, finality),
            **_unconfirmed(row, finality),
        }
        return row | rates(row)

    def _finality(self, operation: Operation) -> str:
        """Whether the counts of an operation may still change."""
        if operation.status in ACTIVE:
            return "frozen" if key_of(operation) in self.not_found else "in_progress"
        unchanged = self._unchanged_for(operation)
        is_unchanged = unchanged is not None and unchanged >= DAY
        if operation.created_at < self.retained_from:
            seen_until = operation.created_at + self.settings.retention - DAY
            return "final" if is_unchanged or synced_at(operation) >= seen_until else "frozen"
        return "settled" if operation.status in ENDED and is_unchanged else "settling"

    def _unchanged_for(self, operation: Operation) -> timedelta | None:
        state = self.current.get(key_of(operation))
        return None if state is None else synced_at(operation) - synced_at(state.shown)


def decided(votes: Counter[str]) -> str:
    """The mode that 99 of 100 decisive operations have."""
    deciding = votes["exclusive"] + votes["cumulative"]
    for mode in ("exclusive", "cumulative"):
        if votes[mode] > 0 and 100 * votes[mode] >= 99 * deciding:
            return mode
    return "undecided"


def own_mode(counted: Counted) -> str:
    """The mode that the counters of one operation or state allow."""
    return {
        (True, True): "inconsistent",
        (True, False): "cumulative",
        (False, True): "exclusive",
        (False, False): "either",
    }[counted.rules_out_exclusive, counted.rules_out_cumulative]


def key_of(operation: Operation) -> Key:
    """The key of an operation."""
    return operation.account, operation.channel, operation.id


def synced_at(operation: Operation) -> datetime:
    """When the API returned these counters."""
    return operation.synced_at or operation.created_at


def _difference(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left - right


def _in_flight(row: Record, finality: str) -> Record:
    """Resources that may still get an outcome."""
    if not row["is_counted"]:
        return interval("in_flight", None, None)
    if finality not in ("in_progress", "settling"):
        return interval("in_flight", 0, 0)
    low = plus(row["waiting"], row["outstanding_low"] or 0)
    high = plus(row["waiting"], row["outstanding_high"] or 0)
    return interval("in_flight", low, high)


def _unconfirmed(row: Record, finality: str) -> Record:
    """Resources that were sent and will not get an outcome."""
    if row["outstanding_low"] is None:
        return interval("unconfirmed", None, None)
    if finality in ("in_progress", "settling"):
        return interval("unconfirmed", 0, 0)
    return interval("unconfirmed", row["outstanding_low"], row["outstanding_high"])


def operations(oracle: Oracle) -> list[Record]:
    """The rows of the views `operations` and `stg_operations`."""
    return oracle.operations


def operation_states(oracle: Oracle) -> list[Record]:
    """The rows of the view `stg_operation_states`."""
    return oracle.states


def counter_modes(oracle: Oracle) -> list[Record]:
    """The rows of the view with the same name."""
    return [
        {
            "account": account,
            "channel": channel,
            "channel_order": CHANNEL_ORDER[channel],
            "exclusive_operations": votes["exclusive"],
            "cumulative_operations": votes["cumulative"],
            "inconsistent_operations": votes["inconsistent"],
            "counter_mode": oracle.channel_mode(account, channel),
            "pinned_mode": oracle.settings.counter_mode.get(channel),
            "decided_by": oracle.decided_by(account, channel),
        }
        for (account, channel), votes in oracle.votes.items()
    ]
