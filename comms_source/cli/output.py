"""The text output of the commands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from comms_source.timespans import to_iso
from comms_source.words import counted

if TYPE_CHECKING:
    from comms_source.commands.plan import LoadPlan
    from comms_source.commands.status import ChannelStatus, Status
    from comms_source.commands.summary import RunSummary

WIDTH: Final = 80


def show_summary(summary: RunSummary) -> None:
    """Print what a run read, and what failed or was new."""
    console = Console(highlight=False, soft_wrap=True)
    for line in summary.lines():
        console.print(line, markup=False)


def show_figures(
    *, destination: str | None = None, dataset: str | None = None, pipeline: Any = None
) -> None:
    """Print the headline figures of the whole warehouse, in 80 columns."""
    from comms_source.commands.views import reading_pipeline  # noqa: PLC0415 - slow to import
    from comms_source.report.findings.totals import read_figures  # noqa: PLC0415
    from comms_source.report.terminal import HEADINGS, figure_cells  # noqa: PLC0415

    pipeline = pipeline or reading_pipeline(destination=destination, dataset=dataset)
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("all that is stored", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for channel, sums in read_figures(pipeline).items():
        table.add_row(channel, *figure_cells(sums))
    console = Console(highlight=False, width=WIDTH)
    console.print()
    console.print(table)
    console.print("shares are of what was attempted; acc.: accepted by the push service")
    console.print()


def show_plan(plans: LoadPlan) -> None:
    """Print the scans of the next load, why they are due, and how many requests they take."""
    console = Console(highlight=False, soft_wrap=True)
    for plan in plans.channels:
        at_least = "" if plan.is_known else "at least "
        console.print(
            f"{plan.channel}: {at_least}{counted(plan.requests, 'request')}", markup=False
        )
        for scan in plan.scans:
            rows = "rows unknown" if scan.rows is None else f"about {scan.rows:,} rows"
            reasons = ", ".join(scan.reasons)
            console.print(f"    {scan.span}  {rows}  ({reasons})", markup=False)
        if plan.by_id:
            console.print(f"    {counted(len(plan.by_id), 'open operation')} by id", markup=False)
        for gap in plan.gaps:
            console.print(f"    gap: {gap} expired before it was fully read", markup=False)


def show_status(status: Status) -> None:
    """Print the state of the destination, channel by channel."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{status.destination}, dataset {status.dataset}", markup=False)
    console.print(
        f"dlt pipeline --pipelines-dir {status.pipelines_dir} {status.pipeline} info", markup=False
    )
    if status.last_run:
        run = status.last_run
        ending = f"{run.outcome} ({run.error})" if run.error else run.outcome
        console.print(f"last run: {run.command} at {_time(run.started_at)}, {ending}", markup=False)
    for channel in status.channels:
        console.print(f"{channel.channel}", markup=False)
        for name, value in _state_of(channel, status.now):
            console.print(f"    {name:<20}{value}", markup=False)


def _state_of(channel: ChannelStatus, now: datetime) -> Iterator[tuple[str, str]]:
    yield "operations", f"{channel.operations:,}, newest {_time(channel.newest_operation)}"
    yield "last complete read", _time(channel.last_complete_read)
    yield "fresh", f"{channel.fresh} of {channel.windows} windows"
    if channel.short:
        yield "rows missing", f"in {counted(channel.short, 'window')}; the next load re-reads them"
    yield "load before", _deadline(channel.deadline, now)
    if channel.freezes_at:
        yield "better before", _freezing(channel.freezes_at, now)
    for span in channel.frozen:
        yield "froze early", f"{span}; last read too early, so figures may be too low"
    for failure in channel.failures:
        yield "failed", failure
    if channel.rejected:
        yield "rejected rows", f"{channel.rejected:,}, see rejected_operations"
    if channel.followed:
        counts = (f"{count:,} {outcome}" for outcome, count in sorted(channel.followed.items()))
        yield "followed by id", ", ".join(counts)
    for gap in channel.gaps:
        yield "gap", f"{gap} expired before it was fully read"


def _deadline(deadline: datetime | None, now: datetime) -> str:
    if deadline is None:
        return "any time; nothing has been read yet"
    late = "" if deadline > now else " (OVERDUE: data may already be lost)"
    return f"{_time(deadline)}, when the API begins to forget what was not read{late}"


def _freezing(at: datetime, now: datetime) -> str:
    late = "" if at > now else " (OVERDUE)"
    return f"{_time(at)}, when figures that may still change begin to freeze{late}"


def _time(instant: datetime | None) -> str:
    return "never" if instant is None else to_iso(instant.replace(microsecond=0))
