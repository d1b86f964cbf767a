"""The data of a report: rows of the views, as they were read. Pure.

The fields of a row are in the order of the columns of its query, see `parse`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from comms_source.config.accounts import Accounts
from comms_source.report.data.sums import Share, Sums
from comms_source.timespans import Span
from comms_source.views.settings import ViewSettings

MOVING = ("in_progress", "settling")
"""The finalities of operations whose figures are expected to change."""
COVERED: Final = 0.99
"""The minimum covered share of a period that counts as read completely."""
NOTABLE: Final = 0.01
"""The minimum share of a volume, moving or frozen, that is marked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContext:
    """The time of a report, its destination, and the settings of the views."""

    at: datetime
    """In UTC."""
    settings: ViewSettings
    """The settings that the views were created with."""
    today: date
    """The day of the reporting time zone that `at` is on."""
    destination: str
    dataset: str
    account: str | None
    """The account of the report; None means all."""
    version: str
    differing: Sequence[str] = ()
    """The settings that have changed since the views were created."""
    configured: Accounts | None = None
    """The accounts of the configuration, if it is known."""

    @property
    def time_zone(self) -> str:
        """The reporting time zone, by its IANA name."""
        return self.settings.time_zone

    @property
    def retention(self) -> timedelta:
        """How long after its creation the API keeps an operation."""
        return self.settings.retention


@dataclass(frozen=True, slots=True, kw_only=True)
class Finality:
    """The operations of one day with the same finality."""

    operations: int
    requested: int
    hours_left: float
    """Hours until the API's retention of the latest of them ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of one channel, over all accounts."""

    sums: Sums = Sums()
    covered_share: float | None = None
    """The share of its time up to now that was read completely; the minimum over the accounts."""
    by_finality: Mapping[str, Finality] = field(default_factory=dict)

    def share_of(self, *finalities: str) -> float:
        """The share of the day's volume that has one of these finalities."""
        parts = [self.by_finality[name] for name in finalities if name in self.by_finality]
        if self.sums.requested:
            return sum(part.requested for part in parts) / self.sums.requested
        operations = self.sums.operations
        return sum(part.operations for part in parts) / operations if operations else 0.0

    @property
    def moves(self) -> bool:
        """Whether a hundredth of the day's volume or more is expected to change."""
        return self.share_of(*MOVING) >= NOTABLE

    @property
    def frozen(self) -> bool:
        """Whether a hundredth of the day's volume or more was last read too early."""
        return self.share_of("frozen") >= NOTABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One measure of one account in the last day or week, compared with seven days before."""

    account: str
    period: str
    """`day` or `week`."""
    measure: str
    as_of: datetime
    operations: int
    value: Share | None
    """A share; for `requested`, the number."""
    numerator: Share | None
    """The number that the value is a share of `denominator`; like that one, not from 0 to 1."""
    denominator: Share | None
    but_largest: float | None
    """The value as if the operation that is worst for it had been perfect."""
    covered_share: float | None
    previous_numerator: Share | None
    previous_denominator: Share | None
    previous_covered_share: float | None
    usual: Share | None
    """The range of the seven days before, each as it was known then, without extremes."""
    usual_but_largest: Share | None
    """The range of `but_largest` on those days."""
    usual_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HourVolume:
    """The volume requested in one hour of one day."""

    day: date
    hour: int
    operations: int
    requested: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstOperation:
    """One of the operations with the most, or the largest share, of resources not delivered."""

    ranking: str
    """`count` or `rate`."""
    account: str
    id: str
    status: str | None
    created_at: datetime
    attempted: int | None
    not_delivered: int
    not_delivered_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """An operation that does not make progress."""

    channel: str
    account: str
    id: str
    reason: str
    status: str | None
    created_at: datetime
    requested: int | None
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlePoint:
    """How much of the final figures of an account was known at an age."""

    account: str
    age_hours: float
    operations: int
    outcomes: float | None
    delivered: float | None
    engaged: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionTime:
    """How long operations of one size took: percentiles in seconds, each as an interval."""

    account: str
    size: str
    size_order: int
    operations: int
    percentiles: Mapping[int, tuple[float, float]]
    limited: frozenset[int]
    """The percentiles that mainly depend on how often data is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHealth:
    """How fresh and how complete the data of one account and channel is."""

    account: str
    last_synced_at: datetime | None
    hours_to_deadline: float | None
    hours_to_freeze: float | None
    gaps: int
    gap_hours: float
    rejected: int
    active_by_id: int
    not_found: int
    last_run_at: datetime | None
    last_run_outcome: str | None
    runs: int
    troubled_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadWindow:
    """A window of creation time that was read."""

    span: Span
    is_complete: bool
    read_at: datetime | None
    """When its latest reading began; for several accounts the earliest; None if it held no
    operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A range of creation time that was never read completely and is lost."""

    account: str
    start: datetime
    end: datetime
    found_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureCause:
    """An error code, and what failed with it in the last 30 days."""

    error_code: int | None
    cause: str | None
    """What it means, in plain words or in those of the API."""
    resources: int
    """The number of failed resources that it is the cause of."""
    operations: int
    recipients: int
    recovered: int
    """The number of messages that a later attempt delivered all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFigures:
    """The operations that carry a tag with one value."""

    tag: str
    value: str
    partial_operations: int
    """The number of operations of which only some resources carry it; `sums` is without them."""
    resources: int | None
    """The number of resources that carry it, as far as they were read."""
    resources_attempted: int | None
    resources_delivered: int | None
    resources_not_delivered: int | None
    sums: Sums
    """The counters of the operations of which all resources carry it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDetails:
    """What was read behind the counters of one channel."""

    causes: Sequence[FailureCause] = ()
    """The codes that hit the most resources, the first one the most."""
    asked: int = 0
    """The number of failed resources whose error was asked for."""
    not_asked: int = 0
    """The number of failed messages whose error was not asked for."""
    tags: Sequence[TagFigures] = ()
    """Those with the most requested resources, the first one the most."""
    without_details: int = 0
    """The number of operations whose tags are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFacts:
    """The data of one channel."""

    channel: str
    stored: int = 0
    """The total number of operations."""
    first_day: date | None = None
    """The day of the oldest operation."""
    days: Mapping[date, Day] = field(default_factory=dict)
    """The last days by date; days without operations are left out."""
    older: int = 0
    """The number of older operations that may still change."""
    trends: Sequence[Trend] = ()
    hours: Sequence[HourVolume] = ()
    worst: Sequence[WorstOperation] = ()
    stuck: Mapping[str, int] = field(default_factory=dict)
    """The number of stuck operations that are new enough for an alert, by reason."""
    problems: Mapping[str, int] = field(default_factory=dict)
    """The number of recent operations with contradictory counters, by problem."""
    rejected_lately: int = 0
    """The number of recent rows of the API that could not be stored, and are open."""
    curve: Sequence[SettlePoint] = ()
    times: Sequence[CompletionTime] = ()
    accounts: Mapping[str, Sums] = field(default_factory=dict)
    """The seven whole days before today by account, the largest account first; empty if there is
    only one account."""
    health: Sequence[AccountHealth] = ()
    windows: Sequence[ReadWindow] = ()
    gaps: Sequence[Gap] = ()
    """The latest gaps that overlap the last weeks, or were found in them."""
    details: ChannelDetails | None = None
    """None if no details are read into the dataset."""

    def day(self, of: date) -> Day:
        """A day, also if it has no operation."""
        return self.days.get(of, Day())


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All data of a report."""

    context: ReportContext
    channels: Sequence[ChannelFacts]
    stuck: Sequence[Stuck]
    """The latest stuck operations, of any channel."""
    accounts: int
    """The number of accounts in the report: 0, 1, or 2 for several."""

    @property
    def stuck_operations(self) -> int:
        """The number of stuck operations, also of those that are not in `stuck`."""
        return sum(sum(channel.stuck.values()) for channel in self.channels)
