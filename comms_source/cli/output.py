"""The text output of the commands.

On a terminal, no line is longer than it is wide, and none is broken within a word. Elsewhere no
line is broken, for programs that read lines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.console import Console

from comms_source.timespans import to_iso
from comms_source.words import counted, line_width, side_by_side, wrapped

if TYPE_CHECKING:
    from comms_source.commands.channel_status import ChannelStatus
    from comms_source.commands.plan import ChannelPlan, LoadPlan
    from comms_source.commands.status import Status
    from comms_source.commands.summary import RunSummary

VALUES_AT: Final = 24
"""The column in which the values of a status begin."""
ROOM: Final = 60
"""In a narrower terminal, a value follows its name at once."""


def terminal_width() -> int | None:
    """How many columns to write; None if it does not matter."""
    console = Console()
    return line_width(console.width) if console.is_terminal or "COLUMNS" in os.environ else None


def print_lines(lines: Iterable[str]) -> None:
    """Print lines, each broken where the terminal ends."""
    width = terminal_width()
    for line in lines:
        for part in [line] if width is None else fitted(line, width=width):
            typer.echo(part)


def fitted(line: str, *, width: int) -> list[str]:
    """A line in lines of at most `width` characters; what is in a column of it stays together."""
    if len(line) <= width:
        return [line]
    return side_by_side(re.split(r"(?<=\S) {2,}", line), width=width)


def print_value(name: str, value: str) -> None:
    """Print a value beside its name."""
    width, start = terminal_width(), f"    {name}".ljust(VALUES_AT)
    if width is None:
        typer.echo(start + value)
    elif width < ROOM:
        print_lines([f"    {name}: {value}"])
    else:
        first, *others = wrapped(value, width=width - VALUES_AT)
        for part in (start + first, *(" " * VALUES_AT + other.lstrip() for other in others)):
            typer.echo(part)


def show_summary(summary: RunSummary) -> None:
    """Print what a run read, and what failed or was new."""
    print_lines(summary.lines())


def show_figures(
    *, destination: str | None = None, dataset: str | None = None, pipeline: Any = None
) -> None:
    """Print the headline figures of the whole warehouse."""
    from comms_source.commands.views import any_pipeline  # noqa: PLC0415 - slow to import
    from comms_source.report.figure_table import figure_lines, figure_row  # noqa: PLC0415
    from comms_source.report.findings.totals import read_figures  # noqa: PLC0415

    pipeline = pipeline or any_pipeline(destination=destination, dataset=dataset, read_only=True)
    rows = [figure_row(channel, sums) for channel, sums in read_figures(pipeline).items()]
    console = Console(highlight=False, soft_wrap=True)
    typer.echo()
    for line in figure_lines(rows, width=line_width(console.width), corner="all that is stored"):
        console.print(line)
    print_lines(["shares are of what was attempted; accepted (acc.): by the push service", ""])


def show_plan(plans: LoadPlan) -> None:
    """Print the scans of the next load, why they are due, and how many requests they take."""
    for plan in plans.channels:
        at_least = "" if plan.is_known else "at least "
        print_lines([f"{plan.channel}: {at_least}{counted(plan.requests, 'request')}"])
        print_lines(f"    {line}" for line in _planned(plan))


def _planned(plan: ChannelPlan) -> Iterator[str]:
    for scan in plan.scans:
        rows = "rows unknown" if scan.rows is None else f"about {counted(scan.rows, 'row')}"
        yield f"{scan.span}  {rows}  ({', '.join(scan.reasons)})"
    if plan.by_id:
        yield f"{counted(len(plan.by_id), 'open operation')} by id"
    for gap in plan.gaps:
        yield f"gap: {gap} expired before it was fully read"
    if plan.details is not None:
        due, waiting = plan.details.due, len(plan.details.waiting)
        later = f"; {waiting:,} more wait for a later run" if waiting else ""
        yield (
            f"details of {counted(len(due), 'operation')} that are loaded, "
            f"{counted(plan.details.requests, 'request')}{later}"
        )


def show_status(status: Status) -> None:
    """Print the state of the destination, channel by channel."""
    print_lines([f"{status.destination}, dataset {status.dataset}"])
    # A command to copy, so it stays on one line.
    typer.echo(f"dlt pipeline --pipelines-dir {status.pipelines_dir} {status.pipeline} info")
    if not status.is_loaded:
        print_lines(["nothing is loaded yet; run comms load"])
        return
    if status.last_run:
        run = status.last_run
        ending = f"{run.outcome} ({run.error})" if run.error else run.outcome
        print_lines([f"last run: {run.command} at {_time(run.started_at)}, {ending}"])
    for channel in status.channels:
        print_lines([channel.channel])
        for name, value in _state_of(channel, now=status.now, pipeline=status.pipeline):
            print_value(name, value)


def _state_of(channel: ChannelStatus, *, now: datetime, pipeline: str) -> Iterator[tuple[str, str]]:
    yield "operations", f"{channel.operations:,}, newest {_time(channel.newest_operation)}"
    yield "last complete read", _time(channel.last_complete_read)
    yield "fresh", f"{channel.fresh:,} of {counted(channel.windows, 'window')}"
    if channel.short:
        yield "rows missing", f"in {counted(channel.short, 'window')}; the next load re-reads them"
    yield "load before", _deadline(channel.deadline, now=now, pipeline=pipeline)
    if channel.freezes_at:
        yield "better before", _freezing(channel.freezes_at, now)
    for span in channel.frozen:
        yield "froze early", f"{span}; last read too early, so figures may be too low"
    for failure in channel.failures:
        yield "failed", failure.removeprefix(f"{channel.channel}: ")
    if channel.rejected:
        yield "rejected rows", f"{channel.rejected:,}, see comms rejected"
    if channel.followed:
        counts = (f"{count:,} {outcome}" for outcome, count in sorted(channel.followed.items()))
        yield "followed by id", ", ".join(counts)
    for gap in channel.gaps:
        yield "gap", f"{gap} expired before it was fully read"
    for kind, outcomes in sorted(channel.details.items()):
        counts = (f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
        yield f"details: {kind}", ", ".join(counts)
    if channel.details_waiting:
        waiting = counted(channel.details_waiting, "operation")
        first = channel.details_deadline
        yield (
            "details due",
            f"of {waiting}" + (f", the first until {_time(first)}" if first else ""),
        )


def _deadline(deadline: datetime | None, *, now: datetime, pipeline: str) -> str:
    if deadline is None:
        # There may be rows all the same: of another pipeline, or of a backfill.
        return f"any time; the dlt pipeline {pipeline} has completed no load yet"
    late = "" if deadline > now else " (OVERDUE: data may already be lost)"
    return f"{_time(deadline)}, when the API begins to forget what was not read{late}"


def _freezing(at: datetime, now: datetime) -> str:
    late = "" if at > now else " (OVERDUE)"
    return f"{_time(at)}, when figures that may still change begin to freeze{late}"


def _time(instant: datetime | None) -> str:
    return "never" if instant is None else to_iso(instant.replace(microsecond=0))
