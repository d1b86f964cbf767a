"""A report in the terminal: today, yesterday and the last seven days, what is wrong, how final."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from comms_source.report.calendar import WEEK
from comms_source.report.concerns import concerns_of
from comms_source.report.facts import ChannelFacts, Facts, Made
from comms_source.report.figures import Week, day_of, week_of, young_days
from comms_source.report.sums import Sums, success
from comms_source.report.wording import (
    SUCCESS,
    at_least,
    change,
    count,
    counted,
    days,
    growth,
    listed,
    moment,
    percent,
    ranges,
)
from comms_source.report.wording import plain as without_controls

WIDTH: Final = 120
MOVING: Final = "*"
MOST_STUCK: Final = 5
_HEADINGS: Final = ("operations", "resources", "arrived", "read/opened", "in flight")


def show_report(facts: Facts) -> None:
    """Print the report."""
    # Where the output is no terminal there is no width to keep to.
    width = None if sys.stdout.isatty() else WIDTH
    console = Console(highlight=False, soft_wrap=True, width=width)
    for line in _origin(facts.made):
        console.print(line, markup=False)
    console.print()
    console.print(_figures(facts))
    for line in (*_remarks(facts), "", *_wrong(facts), "", *_finality(facts)):
        console.print(without_controls(line), markup=False)


def _stored(facts: Facts) -> bool:
    return any(channel.stored for channel in facts.channels)


def _origin(made: Made) -> Iterator[str]:
    yield f"{made.destination}, dataset {made.dataset}"
    whose = "" if made.account is None else f", account {without_controls(made.account)}"
    at = moment(made.at, zone=made.time_zone)
    yield f"as of {at}; days are those of {made.time_zone}{whose}"


def _figures(facts: Facts) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for channel in facts.channels:
        stored = bool(channel.stored)
        table.add_row(f"[bold]{channel.channel}[/bold]", "" if stored else "none stored")
        for row in _rows(channel, facts.made) if stored else ():
            table.add_row(*map(escape, row))
    return table


def _rows(facts: ChannelFacts, made: Made) -> Iterator[list[str]]:
    week = week_of(facts, made)
    for ago, name in enumerate(("today", "yesterday")):
        sums = day_of(facts, ago)
        yield _row(name, sums.all, sums.all, facts.channel, moves=bool(sums.moving.operations))
    moves = not week.is_settled and bool(week.all.operations)
    yield _row(f"{WEEK} days", week.all, week.shown, facts.channel, moves=moves)
    changes = _changes(week, facts.channel)
    if any(changes):
        yield [f"  against the {WEEK} before", *(told or "" for told in changes)]


def _changes(week: Week, channel: str) -> list[str | None]:
    shown, compared = week.shown, week.compared
    return [
        growth(week.all.operations, week.all_before.operations),
        growth(week.all.resources, week.all_before.resources),
        change(success(shown, channel), success(compared, channel)),
        change(shown.engagement, compared.engagement),
    ]


def _row(name: str, volume: Sums, rated: Sums, channel: str, *, moves: bool) -> list[str]:
    in_flight = at_least(volume.in_flight, told=volume.in_flight_known, of=volume.operations)
    share = success(rated, channel)
    word = f" {SUCCESS[channel]}" if share and channel == "push_notifications" else ""
    if not volume.operations:
        return [f"  {name}", "0"]
    return [
        f"  {name}{f' {MOVING}' if moves else ''}",
        count(volume.operations),
        count(volume.resources),
        percent(share) + word,
        percent(rated.engagement),
        in_flight,
    ]


def _remarks(facts: Facts) -> Iterator[str]:
    if not _stored(facts):
        yield "No operation is stored yet."
        return
    yield f"{MOVING} may still move"
    for channel in facts.channels:
        week = week_of(channel, facts.made)
        if week.is_settled:
            yield (
                f"{channel.channel}: the shares of the {WEEK} days, {days(week.first, week.last)}, "
                f"are of {count(week.settled.operations)} of its {count(week.all.operations)} "
                "operations, which can no longer change"
            )


def _wrong(facts: Facts) -> Iterator[str]:
    concerns = concerns_of(facts)
    if concerns or _stored(facts):
        yield "what is wrong" if concerns else "nothing is wrong"
    for concern in concerns:
        mark = "!" if concern.level == "act" else "-"
        yield f"  {mark} {listed(concern.channels)}: {concern.text}"
    for stuck in facts.stuck[:MOST_STUCK]:
        waiting = f", {count(stuck.waiting)} waiting" if stuck.waiting else ""
        at = moment(stuck.created_at, zone=facts.made.time_zone)
        yield f"      {stuck.id}  {stuck.reason}, created {at}{waiting}"
    left = sum(sum(channel.stuck.values()) for channel in facts.channels) - MOST_STUCK
    if left > 0:
        yield f"      {counted(left, 'older one')} in the view stuck_operations"


def _finality(facts: Facts) -> Iterator[str]:
    if _stored(facts):
        yield "how final the figures are"
    for channel in facts.channels:
        if channel.stored:
            yield f"  {channel.channel}: {_moving(channel, facts.made)}"


def _moving(facts: ChannelFacts, made: Made) -> str:
    """Which days may still move, how much of them, and until when."""
    young = young_days(facts, made)
    if not young:
        return "final"
    named = [each.day for each in young if each.day]
    when = ranges(named) if named else "days long past"
    final = [each.final_at for each in young if each.final_at]
    until = f", until {moment(max(final), zone=made.time_zone)} at the latest" if final else ""
    moving = sum(each.moving for each in young)
    return f"{counted(moving, 'operation')} of {when} may still change{until}"
