"""What a report is made from: rows of the views, as they were read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from comms_source.report.sums import Share, Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """When a report was made, from what, and in which days it counts."""

    at: datetime
    """In UTC."""
    time_zone: str
    today: date
    """The day of the reporting time zone that `at` is on."""
    destination: str
    dataset: str
    account: str | None
    """The one account that was asked for; None means all."""
    retention: timedelta
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySums:
    """One channel's day, what can no longer change apart from what may."""

    settled: Sums = Sums()
    moving: Sums = Sums()
    newest_moving: datetime | None = None
    """When the latest operation was created that may still change."""

    @property
    def all(self) -> Sums:
        """The whole day."""
        return self.settled + self.moving


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """Operations that are older than the days that are told one by one, and can still change."""

    moving: int
    in_flight: int | None
    newest: datetime
    """When the latest of them was created."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourVolume:
    """What was asked for in one hour of one day."""

    day: date
    hour: int
    operations: int
    resources: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstOperation:
    """One of the operations that lost most."""

    account: str
    id: str
    status: str | None
    created_at: datetime
    resources: int | None
    lost: int
    loss_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """An operation that does not go on as it should."""

    channel: str
    account: str
    id: str
    reason: str
    status: str | None
    created_at: datetime
    resources: int | None
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlePoint:
    """How much of the final figures of an account was known at an age."""

    account: str
    age_hours: float
    operations: int
    outcomes: float | None
    reached: float | None
    engaged: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionTime:
    """How long operations of one size took: percentiles in seconds, each at least and at most."""

    account: str
    size: str
    operations: int
    p50: tuple[float, float] | None
    p90: tuple[float, float] | None
    p99: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountWeek:
    """The last seven days of one account on one channel, against the seven before."""

    account: str
    operations: int
    settled_operations: int
    resources: int | None
    """Those of the settled operations, as are all shares."""
    delivery: Share | None
    previous_delivery: Share | None
    engagement: Share | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHealth:
    """How fresh and how complete one account's record of a channel is."""

    account: str
    last_read_at: datetime | None
    hours_to_deadline: float | None
    gaps: int
    gap_hours: float
    rejected: int
    followed: int
    lost: int
    last_run_at: datetime | None
    last_run_outcome: str | None
    runs: int
    troubled_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadWindow:
    """A stretch of creation time that was read."""

    start: datetime
    end: datetime
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch of creation time that was never read completely, and is lost."""

    account: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFacts:
    """All that was read of one channel."""

    channel: str
    stored: int = 0
    """How many operations there are in all."""
    first_created_at: datetime | None = None
    """When the oldest of them was created."""
    days: Mapping[int, DaySums] = field(default_factory=dict)
    """The last days, by how many days ago each was; those without operations are left out."""
    older: Older | None = None
    """What can still change of all that is older."""
    hours: Sequence[HourVolume] = ()
    worst: Sequence[WorstOperation] = ()
    stuck: Mapping[str, int] = field(default_factory=dict)
    """How many operations are stuck, by reason."""
    contradictions: Mapping[str, int] = field(default_factory=dict)
    """How many operations of the last days contradict themselves, by what is wrong."""
    curve: Sequence[SettlePoint] = ()
    times: Sequence[CompletionTime] = ()
    accounts: Sequence[AccountWeek] = ()
    """Empty where there is only one account."""
    health: Sequence[AccountHealth] = ()
    windows: Sequence[ReadWindow] = ()
    gaps: Sequence[Gap] = ()
    """The latest of those that reach into the last weeks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a report is made from."""

    made: Made
    channels: Sequence[ChannelFacts]
    stuck: Sequence[Stuck]
    """The latest operations that are stuck, of any channel."""
    accounts: int
    """How many accounts the report is about, as far as it matters: 0, 1, or 2 for several."""
