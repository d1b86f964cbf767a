"""What the page says about the record itself: freshness, gaps, days that may still move. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from comms_source.report.calendar import DAYS
from comms_source.report.facts import ChannelFacts, Made
from comms_source.report.figures import YoungDay
from comms_source.report.health import Health, health_of
from comms_source.report.sums import Share
from comms_source.report.wording import brief_day, brief_moment, count, counted, hours, percent

MOST_DAYS: Final = 10
"""Days that may still move, one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A name, and what is to say of it."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class YoungRow:
    """A day that may still move, one cell a channel."""

    name: str
    cells: Sequence[str]
    final: str


def record_of(facts: ChannelFacts, made: Made) -> list[Fact]:
    """How fresh and complete the record of a channel is; nothing if it was never read."""
    health = health_of(facts.health, now=made.at)
    return list(_facts(facts, health, made)) if health else []


def _facts(facts: ChannelFacts, health: Health, made: Made) -> Iterator[Fact]:
    zone = made.time_zone
    read = brief_moment(health.last_read_at, zone=zone) if health.last_read_at else "never"
    yield Fact(name="Last read", value=read)
    yield Fact(name="Read again before", value=_deadline(health, made))
    lost = f"{count(health.gaps)}, {hours(health.gap_hours)} together" if health.gaps else "none"
    yield Fact(name="Gaps", value=lost)
    yield Fact(name="Rows that could not be read", value=_none(health.rejected))
    followed = f"{count(health.followed)} open, {count(health.lost)} lost from sight"
    nothing = not health.followed and not health.lost
    yield Fact(name="Asked for by id", value="none" if nothing else followed)
    troubled = f", {count(health.troubled_runs)} not complete" if health.troubled_runs else ""
    yield Fact(name="Runs in 7 days", value=f"{count(health.runs)}{troubled}")
    for what, number in facts.contradictions.items():
        yield Fact(name=f"Contradiction in {DAYS} days: {what}", value=counted(number, "operation"))


def _deadline(health: Health, made: Made) -> str:
    if health.deadline is None:
        return "now; nothing is complete"
    past = " (past)" if health.deadline <= made.at else ""
    return brief_moment(health.deadline, zone=made.time_zone) + past


def _none(number: int) -> str:
    return count(number) if number else "none"


def young_rows(channels: Sequence[Sequence[YoungDay]], made: Made) -> list[YoungRow]:
    """The days that may still move, the latest first, those past the most as one."""
    by_day: list[Mapping[date | None, YoungDay]] = [
        {young.day: young for young in channel} for channel in channels
    ]
    known = sorted({day for days in by_day for day in days if day}, reverse=True)[:MOST_DAYS]
    rows = [_young_row(brief_day(day), [_one(days, day) for days in by_day], made) for day in known]
    rest = [[young for day, young in days.items() if day not in known] for days in by_day]
    return [*rows, _young_row("Before that", rest, made)] if any(rest) else rows


def _one(days: Mapping[date | None, YoungDay], day: date | None) -> list[YoungDay]:
    return [days[day]] if day in days else []


def _young_row(name: str, cells: Sequence[Sequence[YoungDay]], made: Made) -> YoungRow:
    final = [young.final_at for cell in cells for young in cell]
    known = [at for at in final if at]
    return YoungRow(
        name=name,
        cells=[_cell(cell) for cell in cells],
        final="open" if len(known) < len(final) else _day(max(known), made),
    )


def _day(at: datetime, made: Made) -> str:
    """The day after which nothing of it can change."""
    return brief_day(at.astimezone(ZoneInfo(made.time_zone)).date())


def _cell(several: Sequence[YoungDay]) -> str:
    moving, of = sum(each.moving for each in several), sum(each.operations for each in several)
    return percent(Share(moving / of, moving / of)) if of else "none"
