"""A report in the terminal, 80 columns wide: figures, problems, and how final the figures are."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from comms_source.report.data.days import WEEK
from comms_source.report.data.facts import ChannelFacts, Facts, ReportContext
from comms_source.report.data.sums import Share, Sums
from comms_source.report.findings.periods import (
    Change,
    change_of,
    day_of,
    frozen_days,
    moving_days,
    week_of,
)
from comms_source.report.findings.problems import concerns_of
from comms_source.report.wording import (
    change,
    compact,
    count,
    days,
    growth,
    listed,
    moment,
    percent,
    ranges,
)
from comms_source.report.wording import plain as without_controls
from comms_source.words import counted

WIDTH: Final = 80
MOVING: Final = "*"
PARTLY: Final = "~"
FROZEN: Final = "!"
MAX_STUCK: Final = 5
HEADINGS: Final = ("requested", "delivered", "not deliv.", "no outcome", "read/opened")


def show_report(facts: Facts) -> None:
    """Print the report."""
    console = Console(highlight=False, soft_wrap=True, width=WIDTH)
    for line in _origin(facts.context):
        console.print(line, markup=False)
    console.print()
    console.print(_figures(facts))
    for line in (*_remarks(facts), "", *_wrong(facts), "", *_finality(facts)):
        console.print(without_controls(line), markup=False)


def _stored(facts: Facts) -> bool:
    return any(channel.stored for channel in facts.channels)


def _origin(context: ReportContext) -> Iterator[str]:
    account = "" if context.account is None else f", account {without_controls(context.account)}"
    yield f"{context.destination}, dataset {context.dataset}{account}"
    at = moment(context.at, zone=context.time_zone)
    yield f"as of {at}; days are days of the request, in {context.time_zone}"
    if context.differing:
        yield (
            f"the views were created with other settings ({listed(context.differing)}); "
            "run comms views to create them again"
        )


def _figures(facts: Facts) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for channel in facts.channels:
        stored = bool(channel.stored)
        table.add_row(f"[bold]{channel.channel}[/bold]", "" if stored else "none stored")
        for row in _rows(channel, facts.context) if stored else ():
            table.add_row(*map(escape, row))
    return table


def _rows(facts: ChannelFacts, context: ReportContext) -> Iterator[list[str]]:
    for ago, name in enumerate(("today", "yesterday")):
        day = day_of(facts, context, ago)
        marks = _marks(moves=day.moves, covered=day.is_covered, frozen=day.frozen)
        yield _row(name, day.sums, marks)
    week = week_of(facts, context)
    covered = week.covered_share >= 0.99  # noqa: PLR2004
    marks = _marks(moves=week.moves, covered=covered, frozen=week.frozen_share >= 0.01)  # noqa: PLR2004
    yield _row(f"{WEEK} days", week.sums, marks)
    changes = list(_changes(facts))
    if any(changes):
        yield ["  change", *changes]


def _marks(*, moves: bool, covered: bool, frozen: bool) -> str:
    signs = ((MOVING, moves), (PARTLY, not covered), (FROZEN, frozen))
    return "".join(sign for sign, holds in signs if holds)


def _changes(facts: ChannelFacts) -> Iterator[str]:
    requested = change_of(facts.trends, "requested")
    yield (growth(*requested.numbers) if requested else None) or ""
    delivery = _points(change_of(facts.trends, "delivery_rate"))
    yield delivery or _points(change_of(facts.trends, "acceptance_rate"))
    yield ""
    yield _points(change_of(facts.trends, "without_outcome_rate"))
    yield _points(change_of(facts.trends, "engagement_rate"))


def _points(found: Change | None) -> str:
    points = change(found.now, found.before) if found else None
    return (points or "").replace(" points", " pt")


def _row(name: str, sums: Sums, marks: str) -> list[str]:
    label = f"  {name}{f' {marks}' if marks else ''}"
    return [label, *(figure_cells(sums) if sums.operations else ["0"])]


def figure_cells(sums: Sums) -> list[str]:
    """One cell for each heading: the number requested, and the shares of each outcome."""
    requested = sums.requested
    volume = count(requested) if requested is None or requested < 10**8 else compact(requested)
    if not sums.has_receipts:
        accepted = sums.acceptance
        rejected = percent(_rest(accepted)) if accepted else ""
        return [volume, f"{percent(accepted)} acc.", rejected, "", ""]
    shares = (sums.delivery, sums.not_delivered_share, sums.without_outcome, sums.engagement)
    return [volume, *("-" if share is None else percent(share) for share in shares)]


def _rest(share: Share) -> Share:
    return Share(1 - share.high, 1 - share.low)


def _remarks(facts: Facts) -> Iterator[str]:
    if not _stored(facts):
        yield "No operation is stored yet."
        return
    yield f"{MOVING} may change  {PARTLY} not read completely  {FROZEN} froze early, may be too low"
    week = week_of(facts.channels[0], facts.context)
    yield f"shares are of what was attempted; the {WEEK} days are {days(week.first, week.last)}"
    yield "change: compared with the week before, as it was known then"
    if not all(week_of(channel, facts.context).sums.has_receipts for channel in facts.channels):
        yield "acc.: accepted by the push service; whether pushes arrive is not reported"


def _wrong(facts: Facts) -> Iterator[str]:
    concerns = concerns_of(facts)
    if concerns or _stored(facts):
        yield "what is wrong" if concerns else "no problems were found"
    for concern in concerns:
        mark = "!" if concern.level == "act" else "-"
        since = moment(concern.since, zone=facts.context.time_zone) if concern.since else ""
        sentence = f"{listed(concern.channels)}: {concern.text}"
        yield from _wrapped(f"{sentence} (since {since})" if since else sentence, f"  {mark} ")
        yield from _wrapped(f"-> {concern.remedy}", "    ")
    for stuck in facts.stuck[:MAX_STUCK]:
        waiting = f", {count(stuck.waiting)} waiting" if stuck.waiting else ""
        at = moment(stuck.created_at, zone=facts.context.time_zone)
        yield f"    {stuck.id}"
        yield f"      {stuck.reason}, created {at}{waiting}"
    left = sum(sum(channel.stuck.values()) for channel in facts.channels) - MAX_STUCK
    if left > 0:
        yield f"    {counted(left, 'older one')} in the view stuck_operations"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH - 1,
        initial_indent=indent,
        subsequent_indent="    ",
        break_on_hyphens=False,
    )


def _finality(facts: Facts) -> Iterator[str]:
    if _stored(facts):
        yield "how final the figures are"
    for channel in facts.channels:
        if channel.stored:
            yield from _wrapped(f"{channel.channel}: {_moving(channel, facts.context)}", "  ")


def _moving(facts: ChannelFacts, context: ReportContext) -> str:
    """Which days may still change, until when, and which froze early."""
    young = moving_days(facts, context)
    frozen = frozen_days(facts, context)
    early = f"; {ranges(frozen)} froze early" if frozen else ""
    if not young:
        return f"final{early}"
    named = [each.day for each in young if each.day]
    when = ranges(named) if named else "older days"
    final = [each.final_at for each in young if each.final_at]
    until = f", until {moment(max(final), zone=context.time_zone)} at the latest" if final else ""
    return f"{when} may still change{until}{early}"
