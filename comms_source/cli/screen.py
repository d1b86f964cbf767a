"""What a command prints for people when it is done."""

from __future__ import annotations

import sys
from typing import Final

import dlt
from rich.console import Console
from rich.table import Table

from comms_source.figures import Figures, read_figures
from comms_source.journal import ChannelRecord
from comms_source.runs import RunSummary

WIDTH: Final = 120


def show_summary(summary: RunSummary) -> None:
    """Print what a run read, and all that went wrong or was new."""
    console = Console(highlight=False, soft_wrap=True)
    journal = summary.journal
    for name, record in journal.channels.items():
        console.print(
            f"{name:<20}{record.operations:>10,} operations  {record.pages:>6,} pages", markup=False
        )
        for remark in _remarks(record):
            console.print(f"    {remark}", markup=False)
    seconds = (summary.ended_at - summary.started_at).total_seconds()
    console.print(
        f"Loaded into {summary.destination}, dataset {summary.dataset}, in {seconds:.1f} s: "
        f"{journal.requests:,} requests, {journal.retries:,} of them again; "
        f"all requests together waited {journal.waited_seconds:.1f} s.",
        markup=False,
    )


def show_figures(pipeline: dlt.Pipeline) -> None:
    """Print the headline figures of all that is in the warehouse."""
    table = Table(box=None, pad_edge=False)
    table.add_column("all that is stored", no_wrap=True)
    for heading in ("operations", "recipients", "delivered", "read/opened", "in flight"):
        table.add_column(heading, justify="right", no_wrap=True)
    for figures in read_figures(pipeline):
        table.add_row(*_cells(figures))
    # Where the output is no terminal there is no width to keep to.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    console.print()
    console.print(table)
    console.print()


def _cells(figures: Figures) -> list[str]:
    return [
        figures.channel,
        f"{figures.operations:,}",
        _count(figures.recipients),
        _percent(figures.delivered),
        _percent(figures.engaged),
        ("at least " if figures.undecided and figures.in_flight is not None else "")
        + _count(figures.in_flight),
    ]


def _count(value: int | None) -> str:
    return "not known" if value is None else f"{value:,}"


def _percent(share: tuple[float, float] | None) -> str:
    if share is None:
        return "not known"
    low, high = (f"{end:.1%}" for end in share)
    return low if low == high else f"{low} to {high}"


def _remarks(record: ChannelRecord) -> list[str]:
    remarks = [f"refused: {record.refused}"] if record.refused else []
    remarks += [f"not read {failure.span}: {failure.message}" for failure in record.failures]
    if record.rejected:
        remarks.append(f"{record.rejected:,} rows could not be read, see rejected_operations")
    for what, names in (
        ("counters, now columns", record.new_counters),
        ("fields, kept in extra", record.new_fields),
        ("statuses", record.new_statuses),
    ):
        if names:
            remarks.append(f"new {what}: {', '.join(sorted(names))}")
    return remarks
