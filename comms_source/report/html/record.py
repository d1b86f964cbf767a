"""The section on the data itself: freshness, gaps, days that may still change. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from comms_source.report.data.days import DAYS
from comms_source.report.data.facts import ChannelFacts, ReportContext
from comms_source.report.data.sums import Share
from comms_source.report.findings.health import Health, health_of
from comms_source.report.findings.periods import MovingDay, frozen_days
from comms_source.report.wording import brief_day, brief_moment, count, hours, percent, ranges
from comms_source.words import counted

MAX_DAYS: Final = 10
"""Days that may still change, shown one by one."""
PROBLEMS: Final = {
    "invalid_counter": "a counter is out of range",
    "missing_counter": "a counter is missing",
    "fits_no_mode": "counters contradict each other",
    "unaddressable_exceeds_recipients": "more unaddressable than recipients",
    "not_as_pinned": "counters differ from the counter mode that is set",
    "differs_from_channel": "counters differ from those of the channel",
}
"""What each problem of the view `counter_checks` means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A name and its value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingRow:
    """A day that may still change, with one cell per channel."""

    name: str
    cells: Sequence[str]
    final: str


def record_of(facts: ChannelFacts, context: ReportContext) -> list[Fact]:
    """How fresh and complete the data of a channel is; empty if it was never read."""
    health = health_of(facts.health, now=context.at)
    return list(_facts(facts, health, context)) if health else []


def _facts(facts: ChannelFacts, health: Health, context: ReportContext) -> Iterator[Fact]:
    zone = context.time_zone
    read = brief_moment(health.last_synced_at, zone=zone) if health.last_synced_at else "never"
    yield Fact(name="Last synced", value=read)
    yield Fact(name="Read again before", value=_moment(health.deadline, context, "now"))
    yield Fact(name="Figures freeze after", value=_moment(health.freezes_at, context, "none due"))
    lost = f"{count(health.gaps)}, {hours(health.gap_hours)} in total" if health.gaps else "none"
    yield Fact(name="Gaps", value=lost)
    yield Fact(name="Rejected rows", value=_none(health.rejected))
    by_id = f"{count(health.active_by_id)} active, {count(health.not_found)} not found"
    nothing = not health.active_by_id and not health.not_found
    yield Fact(name="Read by id", value="none" if nothing else by_id)
    troubled = f", {count(health.troubled_runs)} not complete" if health.troubled_runs else ""
    yield Fact(name="Runs in 7 days", value=f"{count(health.runs)}{troubled}")
    frozen = frozen_days(facts, context)
    yield Fact(name=f"Frozen days of {DAYS}", value=ranges(frozen) if frozen else "none")
    for problem, number in facts.problems.items():
        what = PROBLEMS.get(problem, problem)
        yield Fact(name=f"In {DAYS} days: {what}", value=counted(number, "operation"))


def _moment(at: datetime | None, context: ReportContext, missing: str) -> str:
    if at is None:
        return missing
    return brief_moment(at, zone=context.time_zone) + (" (past)" if at <= context.at else "")


def _none(number: int) -> str:
    return count(number) if number else "none"


def moving_rows(channels: Sequence[Sequence[MovingDay]], context: ReportContext) -> list[MovingRow]:
    """The days that may still change, the latest first, the days past the maximum as one row."""
    by_day: list[Mapping[date | None, MovingDay]] = [
        {moving.day: moving for moving in channel} for channel in channels
    ]
    known = sorted({day for days in by_day for day in days if day}, reverse=True)[:MAX_DAYS]
    rows = [
        _moving_row(brief_day(day), [_one(days, day) for days in by_day], context) for day in known
    ]
    rest = [[moving for day, moving in days.items() if day not in known] for days in by_day]
    return [*rows, _moving_row("Before that", rest, context)] if any(rest) else rows


def _one(days: Mapping[date | None, MovingDay], day: date | None) -> list[MovingDay]:
    return [days[day]] if day in days else []


def _moving_row(
    name: str, cells: Sequence[Sequence[MovingDay]], context: ReportContext
) -> MovingRow:
    final = [moving.final_at for cell in cells for moving in cell]
    known = [at for at in final if at]
    return MovingRow(
        name=name,
        cells=[_cell(cell) for cell in cells],
        final="open" if len(known) < len(final) else _day(max(known), context),
    )


def _day(at: datetime, context: ReportContext) -> str:
    """The day after which it can no longer change."""
    return brief_day(at.astimezone(ZoneInfo(context.time_zone)).date())


def _cell(several: Sequence[MovingDay]) -> str:
    if not several:
        return "none"
    if len(several) > 1 or several[0].day is None:
        return "some"
    return percent(Share(several[0].moving_share, several[0].moving_share))
