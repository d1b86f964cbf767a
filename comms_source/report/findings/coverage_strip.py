"""The coverage strip: what was read of each of the last days, and what is lost. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from comms_source.report.data.days import STRIP_DAYS, days_between, start_of
from comms_source.report.data.facts import ChannelFacts, ReportContext

State = Literal["complete", "partly", "gap", "unread"]
_Spans = Iterable[tuple[datetime, datetime]]


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
    start = start_of(day, zone=context.time_zone)
    end = min(context.at, start_of(day + timedelta(days=1), zone=context.time_zone))
    read = [(window.start, window.end) for window in facts.windows]
    complete = [(window.start, window.end) for window in facts.windows if window.is_complete]
    lost = covered([(gap.start, gap.end) for gap in facts.gaps], start, end)
    state: State = "unread"
    if lost:
        state = "gap"
    elif covered(complete, start, end) >= end - start:
        state = "complete"
    elif covered(read, start, end):
        state = "partly"
    return StripDay(day=day, state=state, gap=lost)


def covered(spans: _Spans, start: datetime, end: datetime) -> timedelta:
    """How much of the time from `start` to `end` is in at least one of the spans."""
    total, reached = timedelta(0), start
    for begin, stop in sorted(spans):
        clipped = min(stop, end)
        if clipped > max(begin, reached):
            total += clipped - max(begin, reached)
            reached = clipped
    return total
