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
from comms_source.report.data.days import DAYS, WEEK, days_between
from comms_source.report.data.facts import (
    COVERED,
    MOVING,
    NOTABLE,
    ChannelFacts,
    Day,
    ReportContext,
    Trend,
)
from comms_source.report.data.sums import Share, Sums, between, rate
from comms_source.report.findings.coverage_strip import covered, time_of
from comms_source.report.wording import change, growth


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One day or several, with all operations that were requested in them."""

    first: date
    last: date
    sums: Sums
    covered_share: float
    """The share of its creation time, up to now, that was read completely."""
    moving_share: float
    """The share of the volume that is expected to change."""
    frozen_share: float
    """The share of the volume that was last read too early."""

    @property
    def is_covered(self) -> bool:
        """Whether nearly all of its time was read completely."""
        return self.covered_share >= COVERED

    @property
    def marks(self) -> list[str]:
        """Why its figures need care: it `moves`, was `partly` read, or was `frozen` early."""
        marks = {
            "moves": self.moving_share >= NOTABLE,
            "partly": not self.is_covered,
            "frozen": self.frozen_share >= NOTABLE,
        }
        return [mark for mark, holds in marks.items() if holds]


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingDay:
    """A day whose figures may still change; `day` is None for all older days together."""

    day: date | None
    moving_share: float
    """The share of its volume that is expected to change."""
    frozen_share: float
    final_at: datetime | None
    """When the API's retention of its latest operation ends; None if it has ended."""


def periods_of(facts: ChannelFacts, context: ReportContext) -> dict[str, Period]:
    """Today, yesterday and the seven whole days before today, by name."""
    days = {"today": context.today, "yesterday": context.today - timedelta(days=1)}
    periods = {
        name: _period(facts, [day], covered_share=covered_share(facts, context, day))
        for name, day in days.items()
    }
    return {**periods, f"{WEEK} days": week_of(facts, context)}


def week_of(facts: ChannelFacts, context: ReportContext) -> Period:
    """The seven whole days before today.

    Its covered share is the minimum over the accounts; from the windows if no account has a trend.
    """
    days = [context.today - timedelta(days=ago) for ago in range(WEEK, 0, -1)]
    shares = [trend.covered_share or 0.0 for trend in facts.trends if trend.period == "week"]
    covered = min(shares) if shares else read_share(facts, context, days[0], days[-1])
    return _period(facts, days, covered_share=covered)


def _period(facts: ChannelFacts, names: Sequence[date], *, covered_share: float) -> Period:
    days = [facts.day(name) for name in names]
    return Period(
        first=names[0],
        last=names[-1],
        sums=sum((day.sums for day in days), Sums()),
        covered_share=covered_share,
        moving_share=_share_of(days, *MOVING),
        frozen_share=_share_of(days, "frozen"),
    )


def _share_of(days: Sequence[Day], *finalities: str) -> float:
    volumes = [day.sums.requested or day.sums.operations for day in days]
    parts = [day.share_of(*finalities) * volume for day, volume in zip(days, volumes, strict=True)]
    return sum(parts) / sum(volumes) if any(volumes) else 0.0


def covered_share(facts: ChannelFacts, context: ReportContext, day: date) -> float:
    """The share of a day that was read completely; from the windows if it has no operation."""
    stored = facts.day(day)
    if stored.sums.operations:
        return stored.covered_share or 0.0
    return read_share(facts, context, day, day)


def read_share(facts: ChannelFacts, context: ReportContext, first: date, last: date) -> float:
    """The share of a range of days, up to now, that was read completely, from the windows."""
    time = time_of(first, last, context)
    read = [window.span for window in facts.windows if window.is_complete]
    return covered(read, time) / time.width


def day_of(facts: ChannelFacts, context: ReportContext, days_ago: int) -> Day:
    """One day; 0 is today."""
    return facts.day(context.today - timedelta(days=days_ago))


def dated_days(facts: ChannelFacts, context: ReportContext) -> list[tuple[date, Day]]:
    """The days shown one by one, the oldest first, beginning with the first operation."""
    first = context.today - timedelta(days=DAYS)
    oldest = max(first, facts.first_day or context.today)
    return [(name, facts.day(name)) for name in days_between(oldest, context.today)]


def moving_days(facts: ChannelFacts, context: ReportContext) -> list[MovingDay]:
    """The days whose figures may still change, the latest first."""
    young = [
        MovingDay(
            day=name,
            moving_share=day.share_of(*MOVING),
            frozen_share=day.share_of("frozen"),
            final_at=_final_at(day, context),
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
        window.span.start.astimezone(zone).date()
        for window in facts.windows
        if window.read_at
        and window.span.end <= context.at - context.retention
        and window.read_at < last_chance(window.span, context.retention)
    }
    return [name for name, day in facts.days.items() if day.frozen and name in early]


def _final_at(day: Day, context: ReportContext) -> datetime | None:
    left = [part.hours_left for name, part in day.by_finality.items() if name in MOVING]
    hours = max(left, default=0.0)
    return context.at + timedelta(hours=hours) if hours > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A measure of the seven whole days before today, and of the seven before, as known then."""

    now: Share | None
    before: Share | None


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
        now=_ratio([(row.numerator, row.denominator) for row in rows], measure),
        before=_ratio(
            [(row.previous_numerator, row.previous_denominator) for row in rows], measure
        ),
    )


def change_text(trends: Iterable[Trend], measure: str, *, account: str | None = None) -> str:
    """The change in percentage points, or of `requested` in per cent; empty if it is not known."""
    found = change_of(trends, measure, account=account)
    if found is None:
        return ""
    if measure == "requested":
        ends = (found.now, found.before)
        return growth(*(None if number is None else number.low for number in ends)) or ""
    return change(found.now, found.before) or ""


def _ratio(rows: Sequence[tuple[Share | None, Share | None]], measure: str) -> Share | None:
    """The ratio of sums; for `requested` the sum itself."""
    known = [(part, whole) for part, whole in rows if part and (whole or measure == "requested")]
    if not known:
        return None
    low, high = sum(part.low for part, _ in known), sum(part.high for part, _ in known)
    if measure == "requested":
        return Share(int(low), int(high))
    least = sum(whole.low for _, whole in known if whole)
    most = sum(whole.high for _, whole in known if whole)
    return between(rate(low, low, most), rate(high, high, least))
