"""Which details to read: of which operations, in which order, within how many requests. Pure.

The API has no list of the resources that changed. So the resources of an operation are read again
when the operation shows another status or other counters than when they were read, but no more
often than its age doubles. In the last day before retention ends every change counts. What is about
to expire comes first, then what was never read, then what changed; in each of them the oldest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final, Literal

Kind = Literal["tags", "resources", "errors"]
KINDS: Final[tuple[Kind, ...]] = ("tags", "resources", "errors")

Need = Literal["expiring", "unread", "changed"]
NEEDS: Final[tuple[Need, ...]] = ("expiring", "unread", "changed")
"""In the order in which they are read."""

Outcome = Literal["read", "empty", "expired"]

LAST_DAY: Final = timedelta(days=1)
RATIO: Final = 0.5
"""Details are read again when they are older than this share of the operation's age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsPolicy:
    """The settings that a plan of details depends on."""

    kinds: Sequence[Kind]
    requests: int
    """How many requests a run may send."""
    errors_per_operation: int
    page_size: int
    retention: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationState:
    """An operation as it was last read."""

    channel: str
    id: str
    created_at: datetime
    version: int
    """A digest of its status and counters."""
    total: int | None
    """How many resources it has, by its counters."""
    not_delivered: int
    """How many of these resources failed or were not delivered."""
    recipients: int | None = None
    """How many recipients the resources have."""


@dataclass(frozen=True, slots=True)
class KindRead:
    """When and in which state the details of one kind were read."""

    outcome: Outcome
    read_at: datetime | None
    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDetails:
    """An operation whose details are to be read."""

    operation: OperationState
    kinds: Sequence[Kind]
    need: Need
    requests: int
    """How many requests that takes, as far as the counters show."""

    @property
    def rows(self) -> int:
        """About how many rows that brings."""
        return max(self.requests, (self.operation.total or 1) * ("resources" in self.kinds))

    def version_of(self, kind: Kind) -> int:
        """What is compared the next time."""
        return relevant(self.operation, kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsPlan:
    """What a run reads of the details."""

    due: Sequence[DueDetails]
    """Within the budget, in the order in which they are read."""
    waiting: Sequence[DueDetails]
    """Due as well, but beyond the budget."""
    expired: Sequence[tuple[OperationState, Kind]]
    """What left retention before it was read."""

    @property
    def requests(self) -> int:
        """How many requests `due` takes."""
        return sum(each.requests for each in self.due)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is due, and nothing expired."""
        return not (self.due or self.waiting or self.expired)

    def of(self, channel: str) -> DetailsPlan:
        """The same for one channel."""
        return DetailsPlan(
            due=[due for due in self.due if due.operation.channel == channel],
            waiting=[due for due in self.waiting if due.operation.channel == channel],
            expired=[each for each in self.expired if each[0].channel == channel],
        )

    def count(self, need: Need) -> int:
        """How many of those that are due have a need."""
        return sum(due.need == need for due in self.due)


@dataclass(frozen=True, slots=True)
class DetailsWork:
    """What a run does about details, and what it needs to know for that."""

    plan: DetailsPlan
    asked: Mapping[str, frozenset[str]]
    """Messages whose attempts were read before, by operation."""


Reads = Mapping[tuple[str, str, Kind], KindRead]
"""What was read before, by channel, id and kind."""


def relevant(operation: OperationState, kind: Kind) -> int:
    """What the details of a kind depend on: they are due when it changes."""
    if kind == "resources":
        return operation.version
    return operation.not_delivered if kind == "errors" else 0


def look_back(*, now: datetime, retention: timedelta, last_read: datetime | None) -> datetime:
    """The creation time from which a plan needs operations and what was read of them.

    What left retention since the last run is among them, however long ago that was.

    Args:
        now: The time.
        retention: How long the API keeps an operation.
        last_read: When details were last read; None if they never were.
    """
    since = now - 2 * retention
    return since if last_read is None else min(since, last_read - retention)


def plan_details(
    operations: Iterable[OperationState],
    reads: Reads,
    *,
    now: datetime,
    policy: DetailsPolicy,
    since: Mapping[tuple[str, Kind], datetime],
) -> DetailsPlan:
    """What to read of the details at `now`.

    Args:
        operations: The operations, also some that have left retention.
        reads: What was read of them before.
        now: The time.
        policy: The settings.
        since: By channel and kind, the creation time from which details are kept: what was created
            before is not owed.
    """
    horizon = now - policy.retention
    wanted: list[DueDetails] = []
    expired: list[tuple[OperationState, Kind]] = []
    for operation in operations:
        if operation.created_at < horizon:
            expired += [
                (operation, kind)
                for kind in policy.kinds
                if _is_owed(operation, kind, reads=reads, since=since)
            ]
        elif due := _due(
            operation,
            reads=reads,
            now=now,
            policy=policy,
            # Where the API has no list of errors, they are due in each run, and nobody can read
            # them. One request finds out, so as long as none was read, the others cost nothing.
            has_errors=(operation.channel, "errors") in since,
        ):
            wanted.append(due)
    wanted.sort(key=_order)
    taken, waiting = _within(wanted, policy.requests)
    return DetailsPlan(due=taken, waiting=waiting, expired=expired)


def _due(
    operation: OperationState,
    *,
    reads: Reads,
    now: datetime,
    policy: DetailsPolicy,
    has_errors: bool,
) -> DueDetails | None:
    needs: dict[Kind, Need] = {}
    for kind in policy.kinds:
        read = reads.get((operation.channel, operation.id, kind))
        if need := _need(operation, kind, read, now=now, policy=policy):
            needs[kind] = need
    if "resources" in policy.kinds:
        needs.pop("tags", None)  # They are in the resources.
    if not needs:
        return None
    return DueDetails(
        operation=operation,
        kinds=tuple(needs),
        need=min(needs.values(), key=NEEDS.index),
        requests=sum(
            _requests(operation, kind, needs, policy, has_errors=has_errors) for kind in needs
        ),
    )


def _need(
    operation: OperationState,
    kind: Kind,
    read: KindRead | None,
    *,
    now: datetime,
    policy: DetailsPolicy,
) -> Need | None:
    if kind == "errors" and not operation.not_delivered:
        return None
    is_last_day = now >= operation.created_at + policy.retention - LAST_DAY
    if read is None or read.read_at is None:
        return "expiring" if is_last_day else "unread"
    was_empty = read.outcome == "empty"
    if read.version == relevant(operation, kind) and not was_empty:
        return None
    # An empty list is not requested in each run of the last day: it may stay empty.
    waits = was_empty or not is_last_day
    if waits and now - read.read_at < RATIO * (now - operation.created_at):
        return None
    return "expiring" if is_last_day else "changed"


def _requests(
    operation: OperationState,
    kind: Kind,
    needs: Mapping[Kind, Need],
    policy: DetailsPolicy,
    *,
    has_errors: bool,
) -> int:
    if kind == "tags":
        return 1
    if kind == "resources":
        total, recipients = operation.total or 1, operation.recipients or 0
        # Some have several recipients, and each of these may have receipts.
        receipts = min(total, policy.errors_per_operation) if recipients > total else 0
        return max(1, ceil(total / policy.page_size)) + receipts
    if operation.channel != "messages":
        return int(has_errors)
    lists = 0 if "resources" in needs else 2
    return lists + 1 + min(operation.not_delivered, policy.errors_per_operation)


def _order(due: DueDetails) -> tuple[int, datetime, str]:
    return NEEDS.index(due.need), due.operation.created_at, due.operation.id


def _within(
    wanted: Sequence[DueDetails], requests: int
) -> tuple[list[DueDetails], list[DueDetails]]:
    """Those that the budget allows, and those that it does not.

    Smaller ones pass one that does not fit any more; it comes first in the next run.
    """
    taken: list[DueDetails] = []
    waiting: list[DueDetails] = []
    for due in wanted:
        fits = due.requests <= requests
        requests -= due.requests if fits else 0
        (taken if fits else waiting).append(due)
    return taken, waiting


def _is_owed(
    operation: OperationState,
    kind: Kind,
    *,
    reads: Reads,
    since: Mapping[tuple[str, Kind], datetime],
) -> bool:
    """Whether the details of an operation past retention were to be read, and never were."""
    if kind == "errors" and not operation.not_delivered:
        return False
    first = since.get((operation.channel, kind))
    read = reads.get((operation.channel, operation.id, kind))
    return first is not None and operation.created_at >= first and read is None
