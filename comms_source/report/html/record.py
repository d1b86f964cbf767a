"""The section on the data itself: freshness, gaps, days that may still change. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from comms_source.report.data.days import DAYS
from comms_source.report.data.facts import ChannelFacts, ReportContext
from comms_source.report.data.sums import Share
from comms_source.report.findings.health import health_of
from comms_source.report.findings.periods import MovingDay, frozen_days
from comms_source.report.wording import brief_day, brief_moment, count, percent, ranges, seconds
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
class MovingRow:
    """A day that may still change, with one cell per channel."""

    name: str
    cells: Sequence[str]
    final: str
    """The day after which it can no longer change."""


def record_of(facts: ChannelFacts, context: ReportContext) -> dict[str, str]:
    """How fresh and complete the data of a channel is, by name; empty if it was never read."""
    health = health_of(facts, context)
    if health is None:
        return {}
    read, zone = health.last_synced_at, context.time_zone
    by_id = f"{count(health.active_by_id)} active, {count(health.not_found)} not found"
    troubled = f", {count(health.troubled_runs)} not complete" if health.troubled_runs else ""
    lost = f"{count(health.gaps)}, {seconds(3600 * health.gap_hours)} in total"
    frozen = frozen_days(facts, context)
    return {
        "Last synced": brief_moment(read, zone=zone) if read else "never",
        "Read again before": _due(health.deadline, context, "now"),
        "Figures freeze after": _due(health.freezes_at, context, "none due"),
        "Gaps": lost if health.gaps else "none",
        "Rejected rows": count(health.rejected) if health.rejected else "none",
        "Read by id": by_id if health.active_by_id or health.not_found else "none",
        "Runs in 7 days": f"{count(health.runs)}{troubled}",
        f"Frozen days of {DAYS}": ranges(frozen) if frozen else "none",
        **{
            f"In {DAYS} days: {PROBLEMS.get(problem, problem)}": counted(number, "operation")
            for problem, number in facts.problems.items()
        },
    }


def _due(at: datetime | None, context: ReportContext, missing: str) -> str:
    if at is None:
        return missing
    return brief_moment(at, zone=context.time_zone) + (" (past)" if at <= context.at else "")


def moving_rows(channels: Sequence[Sequence[MovingDay]], context: ReportContext) -> list[MovingRow]:
    """The days that may still change, the latest first, the days past the maximum as one row."""
    days = {moving.day for channel in channels for moving in channel if moving.day}
    shown = sorted(days, reverse=True)[:MAX_DAYS]
    rows = {
        brief_day(day): [[each for each in channel if each.day == day] for channel in channels]
        for day in shown
    }
    rest = [[each for each in channel if each.day not in shown] for channel in channels]
    if any(rest):
        rows["Before that"] = rest
    return [_moving_row(name, cells, context) for name, cells in rows.items()]


def _moving_row(
    name: str, cells: Sequence[Sequence[MovingDay]], context: ReportContext
) -> MovingRow:
    final = [moving.final_at for cell in cells for moving in cell]
    last = max((at for at in final if at), default=context.at)
    day = brief_day(last.astimezone(ZoneInfo(context.time_zone)).date())
    shown = [_cell(cell) for cell in cells]
    return MovingRow(name=name, cells=shown, final="open" if None in final else day)


def _cell(several: Sequence[MovingDay]) -> str:
    if not several:
        return "none"
    if len(several) > 1 or several[0].day is None:
        return "some"
    return percent(Share(several[0].moving_share, several[0].moving_share))
