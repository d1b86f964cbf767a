"""Figures in the terminal: a table where there is room, else each figure beside its name.

No figure and no heading is ever cut, and none is broken over two lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.text import Text

from comms_source.report import wording
from comms_source.report.data.sums import Sums
from comms_source.words import side_by_side

HEADINGS: Final = ("requested", "delivered", "not deliv.", "no outcome", "read/opened")
_BRIEF_FROM: Final = 10**8
"""Numbers from here on are shown with about three digits."""
_BETWEEN: Final = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """A row of figures."""

    label: str
    cells: Sequence[str] = ()
    """One for each of `HEADINGS`; none if the row is a heading over those that follow."""
    named: Mapping[str, str] = field(default_factory=dict)
    """The same figures by name, as they are written where there is no table."""
    is_change: bool = False
    """Whether they are changes, which can be longer than other figures."""


def figure_row(label: str, sums: Sums) -> FigureRow:
    """The number requested, and the share of each outcome."""
    volume = wording.brief_count(sums.requested, most=_BRIEF_FROM)
    if not sums.operations:
        return FigureRow(label=label, cells=_filled("0"), named={"requested": "0"})
    if not sums.has_receipts:
        accepted = wording.percent(sums.acceptance)
        rejected = wording.percent(wording.rest(sums.acceptance)) if sums.acceptance else ""
        cells = _filled(volume, f"{accepted} acc.", rejected)
        named = {"requested": volume, "accepted": accepted, "not accepted": rejected}
        return FigureRow(label=label, cells=cells, named=named)
    shares = (sums.delivery, sums.not_delivered_share, sums.without_outcome, sums.engagement)
    figures = [volume, *map(wording.percent, shares)]
    cells = [volume, *("-" if share is None else wording.percent(share) for share in shares)]
    return FigureRow(label=label, cells=cells, named=dict(zip(HEADINGS, figures, strict=True)))


def change_row(label: str, changes: Sequence[str], *, success: str) -> FigureRow:
    """The change of each figure; empty where it is not known.

    Args:
        label: The label of the row.
        changes: The changes, one for each of `HEADINGS`.
        success: What the second is a change of: the share delivered or accepted.
    """
    names = (HEADINGS[0], success, *HEADINGS[2:])
    named = dict(zip(names, changes, strict=True))
    return FigureRow(label=label, cells=changes, named=named, is_change=True)


def _filled(*cells: str) -> list[str]:
    return [*cells, *[""] * (len(HEADINGS) - len(cells))]


def figure_lines(rows: Sequence[FigureRow], *, width: int, corner: str = "") -> Iterator[Text]:
    """The rows in lines of at most `width` characters.

    If only the changes are too long for a table, only they stand beside their names.

    Args:
        rows: The rows, in their order.
        width: The maximum length of a line.
        corner: The heading of the labels.
    """
    columns = _columns(rows, corner=corner, width=width)
    if columns:
        yield _table_line((corner, *HEADINGS), columns)
    elif corner:
        yield Text(corner)
    for row in rows:
        if not row.cells:
            yield Text(row.label, style="bold")
        elif columns and _fits(row, columns):
            yield _table_line((row.label, *row.cells), columns)
        else:
            yield from map(Text, _named_lines(row, width=width))


def _columns(rows: Sequence[FigureRow], *, corner: str, width: int) -> list[int] | None:
    """The width of each column; None if there is no room for a table."""
    for some in (rows, [row for row in rows if not row.is_change]):
        table = [(corner, *HEADINGS), *((row.label, *row.cells) for row in some if row.cells)]
        columns = [max(map(len, column)) for column in zip(*table, strict=True)]
        if sum(columns) + len(_BETWEEN) * len(HEADINGS) <= width:
            return columns
    return None


def _fits(row: FigureRow, columns: Sequence[int]) -> bool:
    cells = (row.label, *row.cells)
    return all(len(cell) <= column for cell, column in zip(cells, columns, strict=True))


def _table_line(cells: Sequence[str], columns: Sequence[int]) -> Text:
    label, *figures = cells
    widths = iter(columns)
    first = label.ljust(next(widths))
    aligned = (cell.rjust(column) for cell, column in zip(figures, widths, strict=True))
    return Text(_BETWEEN.join((first, *aligned)).rstrip())


def _named_lines(row: FigureRow, *, width: int) -> list[str]:
    figures = (f"{name} {figure}" for name, figure in row.named.items() if figure)
    return side_by_side([row.label, *figures], width=width)
