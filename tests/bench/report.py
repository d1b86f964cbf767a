"""The results as a table for a terminal, as Markdown, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

from tests.bench.results import Result

COLUMNS: Final = (
    "participant",
    "versions",
    "operations",
    "seconds",
    "times floor",
    "times ours",
    "CPU s",
    "server CPU s",
    "peak MB",
    "what it does, and what cannot be compared",
)
NUMBERS: Final = range(2, 9)
"""The columns with numbers."""
WIDTH: Final = 180
"""The width of the table in characters if there is no terminal."""
UNKNOWN: Final = "-"
HOW: Final = (
    "Medians over rounds of one cold process each (rounds: {repeat}). The sandbox ran on the same "
    "machine; its CPU time has its own column."
)
UNITS: Final = (
    "CPU s is of all cores and processes; peak MB (millions of bytes) is the resident memory of "
    "the largest process."
)


def as_text(results: Sequence[Result], *, machine: Mapping[str, str], repeat: int) -> str:
    """A table for the terminal, with remarks."""
    # Imported late, because rich would add to the memory of each measured process, see `counting`.
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    terminal = Console()
    console = Console(width=terminal.width if terminal.is_terminal else WIDTH, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, show_lines=True)
    for number, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if number in NUMBERS else "left")
    for result in results:
        table.add_row(*_cells(result))
    with console.capture() as captured:
        console.print(table)
    return "\n".join(
        [captured.get().strip("\n"), "", *_remarks(results, machine=machine, repeat=repeat)]
    )


def as_markdown(results: Sequence[Result], *, machine: Mapping[str, str], repeat: int) -> str:
    """The same as a Markdown table and a list."""
    rules = ["---:" if number in NUMBERS else "---" for number in range(len(COLUMNS))]
    rows = [COLUMNS, rules, *(_cells(result) for result in results)]
    lines = ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows]
    remarks = [f"- {remark}" for remark in _remarks(results, machine=machine, repeat=repeat)]
    return "\n".join([*lines, "", *remarks])


def as_json(results: Sequence[Result], *, machine: Mapping[str, str], repeat: int) -> str:
    """The same as JSON; figures are not rounded, unknown ones are null."""
    content = {
        "results": [asdict(result) for result in results],
        "repeat": repeat,
        "machine": dict(machine),
    }
    return json.dumps(content, indent=2)


def _cells(result: Result) -> list[str]:
    about = "~" if result.extrapolated_to else ""
    return [
        result.participant,
        ", ".join(f"{name} {number}" for name, number in result.versions.items()) or UNKNOWN,
        f"{result.operations:,}",
        _number(result.seconds, digits=2, mark=about),
        _number(result.times_floor, digits=1, mark=about),
        _number(result.times_ours, digits=1, mark=about),
        _number(result.cpu_seconds, digits=2, mark=about),
        _number(result.server_cpu_seconds, digits=2, mark=about),
        _number(result.peak_mb, digits=0),
        " ".join([*_errors(result), result.note]),
    ]


def _errors(result: Result) -> list[str]:
    failed = f"ERROR in {len(result.errors)} of {len(result.errors) + result.runs} runs:"
    return [f"{failed} {'; '.join(dict.fromkeys(result.errors))}."] if result.errors else []


def _number(figure: float | None, *, digits: int, mark: str = "") -> str:
    return UNKNOWN if figure is None else f"{mark}{figure:,.{digits}f}"


def _escaped(cell: str) -> str:
    return cell.replace("|", r"\|").replace("\n", " ")


def _remarks(results: Sequence[Result], *, machine: Mapping[str, str], repeat: int) -> list[str]:
    """Remarks on the figures."""
    remarks = [HOW.format(repeat=repeat), UNITS]
    whole = next((result.extrapolated_to for result in results if result.extrapolated_to), None)
    if whole:
        remarks.append(
            f"~ is extrapolated to {whole:,} operations in proportion to the operations read, "
            "startup included; peak MB is as measured."
        )
    return [*remarks, *(f"{name}: {words}" for name, words in machine.items())]
