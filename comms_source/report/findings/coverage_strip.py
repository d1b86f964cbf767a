"""The coverage strip: what was read of each of the last days, and what is lost. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from comms_source.coverage.spans import uncovered
from comms_source.report.data.days import STRIP_DAYS, days_between, start_of
from comms_source.report.data.facts import ChannelFacts, ReportContext
from comms_source.timespans import TICK, Span

State = Literal["complete", "partly", "gap", "unread"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StripDay:
    """How much of a day was read."""

    day: date
    state: State
    gap: timedelta
    """How much time of the day is lost."""


def strip_of(facts: ChannelFacts, context: ReportContext) -> list[StripDay]:
    """The last days, the oldest first; today up to now."""
    first = context.today - timedelta(days=STRIP_DAYS - 1)
    return [_strip_day(day, facts, context) for day in days_between(first, context.today)]


def _strip_day(day: date, facts: ChannelFacts, context: ReportContext) -> StripDay:
    time = time_of(day, day, context)
    read = [window.span for window in facts.windows]
    complete = [window.span for window in facts.windows if window.is_complete]
    lost = covered([Span(gap.start, gap.end) for gap in facts.gaps], time)
    state: State = "unread"
    if lost:
        state = "gap"
    elif covered(complete, time) == time.width:
        state = "complete"
    elif covered(read, time):
        state = "partly"
    return StripDay(day=day, state=state, gap=lost)


def time_of(first: date, last: date, context: ReportContext) -> Span:
    """The time of a range of days, up to now."""
    start = start_of(first, zone=context.time_zone)
    end = min(context.at, start_of(last + timedelta(days=1), zone=context.time_zone))
    return Span(start, max(end, start + TICK))


def covered(spans: Iterable[Span], time: Span) -> timedelta:
    """How much of a time is in at least one of the spans."""
    return time.width - sum((left.width for left in uncovered(time, spans)), timedelta(0))
