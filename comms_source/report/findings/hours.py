"""When sends are requested: sums for each hour of each day of the week. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

from comms_source.report.data.facts import HourVolume
from comms_source.report.data.sums import plus

Unit = Literal["requested", "operations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One hour of one day of the week, over all weeks."""

    weekday: int
    """0 is Monday."""
    hour: int
    operations: int
    requested: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """The hours of the week in which something was requested; the others are left out."""

    cells: Sequence[Cell]
    unit: Unit

    @property
    def known(self) -> list[tuple[Cell, int]]:
        """The cells with a known value, and the value; the busiest first."""
        values = ((cell, getattr(cell, self.unit)) for cell in self.cells)
        known = [(cell, value) for cell, value in values if value is not None]
        return sorted(known, key=lambda pair: (-pair[1], pair[0].weekday, pair[0].hour))


def heat_of(hours: Sequence[HourVolume]) -> Heat:
    """The hours by day of the week; operations are counted if `requested` is not known."""
    grouped: dict[tuple[int, int], list[HourVolume]] = defaultdict(list)
    for volume in hours:
        grouped[volume.day.weekday(), volume.hour].append(volume)
    cells = [
        Cell(
            weekday=weekday,
            hour=hour,
            operations=sum(each.operations for each in volumes),
            requested=reduce(plus, (each.requested for each in volumes)),
        )
        for (weekday, hour), volumes in sorted(grouped.items())
    ]
    unit: Unit = "requested" if any(cell.requested for cell in cells) else "operations"
    return Heat(cells=cells, unit=unit)
