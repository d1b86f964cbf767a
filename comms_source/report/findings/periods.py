"""The figures of a channel: today, yesterday, the seven whole days before today, and changes. Pure.

All are sums over the operations requested in the period, of any finality. Changes compare like with
like: the same period seven days before, as it was known then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from comms_source.coverage.channel_coverage import last_chance
from comms_source.report.data.days import DAYS, WEEK, start_of
from comms_source.report.data.facts import MOVING, ChannelFacts, Day, ReportContext, Trend
from comms_source.report.data.sums import Share, Sums, rate
from comms_source.report.findings.coverage_strip import covered
from comms_source.timespans import Span

COVERED = 0.99
"""The minimum covered share of a period that counts as read completely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """The seven whole days before today."""

    first: date
    last: date
    sums: Sums
    covered_share: float
    """The share of its creation time that was read completely."""
    moving_share: float
    """The share of the volume that is expected to change."""
    frozen_share: float
    """The share of the volume that was last read too early."""

    @property
    def moves(self) -> bool:
        """Whether a hundredth of the volume or more is expected to change."""
        return self.moving_share >= 0.01  # noqa: PLR2004


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingDay:
    """A day whose figures may still change; `day` is None for all older days together."""

    day: date | None
    moving_share: float
    """The share of its volume that is expected to change."""
    frozen_share: float
    final_at: datetime | None
    """When the API's retention of its latest operation ends; None if it has ended."""


def week_of(facts: ChannelFacts, context: ReportContext) -> Week:
    """The seven whole days before today."""
    names = [context.today - timedelta(days=ago) for ago in range(WEEK, 0, -1)]
    days = [facts.days.get(name, Day()) for name in names]
    return Week(
        first=names[0],
        last=names[-1],
        sums=sum((day.sums for day in days), Sums()),
        covered_share=_covered(facts, context, names),
        moving_share=_share_of(days, *MOVING),
        frozen_share=_share_of(days, "frozen"),
    )


def _covered(facts: ChannelFacts, context: ReportContext, days: Sequence[date]) -> float:
    """The minimum over the accounts; from the windows if no account has a trend."""
    shares = [trend.covered_share or 0.0 for trend in facts.trends if trend.period == "week"]
    return min(shares) if shares else read_share(facts, context, days[0], days[-1])


def read_share(facts: ChannelFacts, context: ReportContext, first: date, last: date) -> float:
    """The share of a range of days, up to now, that was read completely, from the windows."""
    start = start_of(first, zone=context.time_zone)
    end = min(context.at, start_of(last + timedelta(days=1), zone=context.time_zone))
    read = [(window.start, window.end) for window in facts.windows if window.is_complete]
    return covered(read, start, end) / (end - start) if end > start else 0.0


def _share_of(days: Sequence[Day], *finalities: str) -> float:
    volume = sum(day.sums.requested or day.sums.operations for day in days)
    part = sum(
        day.share_of(*finalities) * (day.sums.requested or day.sums.operations) for day in days
    )
    return part / volume if volume else 0.0


def day_of(facts: ChannelFacts, context: ReportContext, days_ago: int) -> Day:
    """One day; 0 is today."""
    return facts.days.get(context.today - timedelta(days=days_ago), Day())


def dated_days(facts: ChannelFacts, context: ReportContext) -> list[tuple[date, Day]]:
    """The days shown one by one, the oldest first, beginning with the first operation."""
    first = context.today - timedelta(days=DAYS)
    oldest = max(first, facts.first_day or context.today)
    days = (context.today - oldest).days
    names = [oldest + timedelta(days=number) for number in range(days + 1)]
    return [(name, facts.days.get(name, Day())) for name in names]


def moving_days(facts: ChannelFacts, context: ReportContext) -> list[MovingDay]:
    """The days whose figures may still change, the latest first."""
    young = [
        MovingDay(
            day=name,
            moving_share=day.share_of(*MOVING),
            frozen_share=day.share_of("frozen"),
            final_at=_final(day, context),
        )
        for name, day in sorted(facts.days.items(), reverse=True)
        if day.share_of(*MOVING)
    ]
    older = [MovingDay(day=None, moving_share=0.0, frozen_share=0.0, final_at=None)]
    return [*young, *(older if facts.older else [])]


def frozen_days(facts: ChannelFacts, context: ReportContext) -> list[date]:
    """The days of which a hundredth or more froze because windows were last read too early.

    Operations that were not found while active are frozen too, but they do not count here.
    """
    zone = ZoneInfo(context.time_zone)
    early = {
        window.start.astimezone(zone).date()
        for window in facts.windows
        if window.read_at
        and window.end <= context.at - context.retention
        and window.read_at < last_chance(Span(window.start, window.end), context.retention)
    }
    return [name for name, day in facts.days.items() if day.frozen and name in early]


def _final(day: Day, context: ReportContext) -> datetime | None:
    left = [part.hours_left for name, part in day.by_finality.items() if name in MOVING]
    hours = max(left, default=0.0)
    return context.at + timedelta(hours=hours) if hours > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A measure of the seven whole days before today, and of the seven before, as known then."""

    now: Share | None
    before: Share | None

    @property
    def numbers(self) -> tuple[int | None, int | None]:
        """Both values, if the measure is a number and not a share."""
        ends = (self.now, self.before)
        now, before = (None if share is None else int(share.low) for share in ends)
        return now, before


def change_of(
    trends: Iterable[Trend], measure: str, *, account: str | None = None
) -> Change | None:
    """The measure now and before, of all accounts or one; None unless both were read completely."""
    rows = [
        trend
        for trend in trends
        if (trend.period, trend.measure) == ("week", measure) and account in {None, trend.account}
    ]
    shares = [share for row in rows for share in (row.covered_share, row.previous_covered_share)]
    if not rows or not all(share is not None and share >= COVERED for share in shares):
        return None
    return Change(
        now=_ratio([(row.numerators, row.denominators) for row in rows], measure),
        before=_ratio(
            [(row.previous_numerators, row.previous_denominators) for row in rows], measure
        ),
    )


_Pairs = Sequence[tuple[tuple[int, int] | None, tuple[int, int] | None]]


def _ratio(rows: _Pairs, measure: str) -> Share | None:
    """The ratio of sums; for `requested` the sum itself."""
    known = [(part, whole) for part, whole in rows if part and (whole or measure == "requested")]
    if not known:
        return None
    low, high = (sum(part[end] for part, _ in known) for end in (0, 1))
    if measure == "requested":
        return Share(low, high)
    least, most = (sum(whole[end] for _, whole in known if whole) for end in (0, 1))
    lowest, highest = rate(low, low, most), rate(high, high, least)
    return Share(lowest.low, highest.high) if lowest and highest else None
