"""A report in the terminal: figures, problems, and how final the figures are.

It is as wide as the terminal, or 80 columns wide without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from rich.console import Console

from comms_source.report import wording
from comms_source.report.data.facts import ChannelFacts, Facts, ReportContext
from comms_source.report.figure_table import FigureRow, change_row, figure_lines, figure_row
from comms_source.report.findings import periods
from comms_source.report.findings.problems import concerns_of
from comms_source.report.terminal_details import tag_remarks, tag_rows, why_failed
from comms_source.words import counted, line_width, side_by_side, wrapped

LONGEST: Final = 100
"""The longest line of a sentence, however wide the terminal is."""
MARKS: Final = {
    "moves": ("*", "may change"),
    "partly": ("~", "not read completely"),
    "frozen": ("!", "froze early, may be too low"),
}
"""The mark beside a period that needs care, and its meaning."""
STUCK_SHOWN: Final = 5


def show_report(facts: Facts) -> None:
    """Print the report."""
    console = Console(highlight=False, soft_wrap=True)
    width = line_width(console.width)
    stored = [channel for channel in facts.channels if channel.stored]
    show = partial(_show, console)

    show(*_origin(facts.context), "")
    for row in figure_lines(list(_figures(facts)), width=width):
        console.print(row)
    if stored:
        legend = (f"{sign} {meaning}" for sign, meaning in MARKS.values())
        show(*side_by_side(legend, width=width))
    show(*_remarks(facts), "", *_wrong(facts, stored=bool(stored)), "")
    if reasons := list(why_failed(facts)):
        show(*reasons, "")
    if tags := tag_rows(facts):
        for row in figure_lines(tags, width=width):
            console.print(row)
        show(*tag_remarks(facts), "")
    show(*_finality(stored, facts.context))


def show_conclusions(facts: Facts) -> None:
    """Print the parts of the report that say what is wrong, and how final the figures are."""
    stored = [channel for channel in facts.channels if channel.stored]
    console = Console(highlight=False, soft_wrap=True)
    _show(console, *_wrong(facts, stored=bool(stored)), "", *_finality(stored, facts.context))


def _show(console: Console, *sentences: str) -> None:
    width = min(line_width(console.width), LONGEST)
    for sentence in sentences:
        for line in wrapped(wording.plain(sentence), width=width):
            console.print(line, markup=False)


def _origin(context: ReportContext) -> Iterator[str]:
    account = "" if context.account is None else f", account {context.account}"
    yield f"{context.destination}, dataset {context.dataset}{account}"
    at = wording.moment(context.at, zone=context.time_zone)
    yield f"as of {at}; days are days of the request, in {context.time_zone}"
    if context.differing:
        yield (
            f"the views were created with other settings ({wording.listed(context.differing)}); "
            "run comms views to create them again"
        )


def _figures(facts: Facts) -> Iterator[FigureRow]:
    for channel in facts.channels:
        yield FigureRow(label=channel.channel + ("" if channel.stored else "  none stored"))
        if channel.stored:
            yield from _rows(channel, facts.context)


def _rows(facts: ChannelFacts, context: ReportContext) -> Iterator[FigureRow]:
    for name, period in periods.periods_of(facts, context).items():
        marks = "".join(MARKS[mark][0] for mark in period.marks)
        yield figure_row(f"  {name} {marks}".rstrip(), period.sums)

    def change(measure: str) -> str:
        return periods.change_text(facts.trends, measure).replace(" points", " pt")

    delivered, accepted = change("delivery_rate"), change("acceptance_rate")
    others = [change("without_outcome_rate"), change("engagement_rate")]
    changes = [change("requested"), delivered or accepted, "", *others]
    if any(changes):
        yield change_row("  change", changes, success="delivered" if delivered else "accepted")


def _remarks(facts: Facts) -> Iterator[str]:
    if not any(channel.stored for channel in facts.channels):
        yield "No operation is stored yet."
        return
    weeks = [periods.week_of(channel, facts.context) for channel in facts.channels]
    shown = wording.days(weeks[0].first, weeks[0].last)
    yield f"shares are of what was attempted; the 7 days are {shown}"
    yield "change: compared with the week before, as it was known then"
    if not all(week.sums.has_receipts for week in weeks):
        yield "accepted (acc.): by the push service; whether pushes arrive is not reported"


def _wrong(facts: Facts, *, stored: bool) -> Iterator[str]:
    zone, concerns = facts.context.time_zone, concerns_of(facts)
    if concerns or stored:
        yield "what is wrong" if concerns else "no problems were found"
    for concern in concerns:
        mark = "!" if concern.level == "act" else "-"
        began = concern.shown_since
        since = f" (since {wording.moment(began, zone=zone)})" if began else ""
        yield f"  {mark} {wording.listed(concern.channels)}: {concern.text}{since}"
        yield f"    -> {concern.remedy}"
    if facts.stuck:
        yield from ("", "stuck operations", *_stuck(facts))


def _stuck(facts: Facts) -> Iterator[str]:
    for stuck in facts.stuck[:STUCK_SHOWN]:
        waiting = f", {wording.count(stuck.waiting)} waiting" if stuck.waiting else ""
        at = wording.moment(stuck.created_at, zone=facts.context.time_zone)
        yield f"  {stuck.id}"
        yield f"    {stuck.reason}, created {at}{waiting}"
    left = facts.stuck_operations - STUCK_SHOWN
    if left > 0:
        yield f"  {counted(left, 'older one')} in the view stuck_operations"


def _finality(channels: Sequence[ChannelFacts], context: ReportContext) -> Iterator[str]:
    if channels:
        yield "how final the figures are"
    for channel in channels:
        yield f"  {channel.channel}: {_moving(channel, context)}"


def _moving(facts: ChannelFacts, context: ReportContext) -> str:
    """Which days may still change, until when, and which froze early."""
    young, frozen = periods.moving_days(facts, context), periods.frozen_days(facts, context)
    early = f"; {wording.ranges(frozen)} froze early" if frozen else ""
    if not young:
        return f"final{early}"
    named = [each.day for each in young if each.day]
    when = wording.ranges(named) if named else "older days"
    final = max((each.final_at for each in young if each.final_at), default=None)
    until = f", until {wording.moment(final, zone=context.time_zone)} at the latest"
    return f"{when} may still change{until if final else ''}{early}"
