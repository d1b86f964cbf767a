"""When sends are requested: what the hours of each day of the week add up to. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from comms_source.report.data.facts import HourVolume

Unit = Literal["requested", "operations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One hour of one day of the week, over all weeks."""

    weekday: int
    """0 is Monday."""
    hour: int
    operations: int
    requested: int | None

    def value(self, unit: Unit) -> int | None:
        """What is drawn."""
        return self.requested if unit == "requested" else self.operations


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """The hours in which something was asked for; the others are not among them."""

    cells: Sequence[Cell]
    unit: Unit
    first: date | None
    """The first day on which something was asked for."""

    @property
    def known(self) -> list[tuple[Cell, int]]:
        """The cells whose value is known, with it, the busiest first."""
        pairs = [(cell, cell.value(self.unit)) for cell in self.cells]
        told = [(cell, value) for cell, value in pairs if value is not None]
        return sorted(told, key=lambda pair: (-pair[1], pair[0].weekday, pair[0].hour))


def heat_of(hours: Sequence[HourVolume]) -> Heat:
    """The hours by day of the week; operations are counted where no requested are known."""
    grouped: dict[tuple[int, int], list[HourVolume]] = defaultdict(list)
    for hour in hours:
        grouped[hour.day.weekday(), hour.hour].append(hour)
    cells = [_cell(*key, volumes) for key, volumes in sorted(grouped.items())]
    unit: Unit = "requested" if any(cell.requested for cell in cells) else "operations"
    return Heat(cells=cells, unit=unit, first=min((hour.day for hour in hours), default=None))


def _cell(weekday: int, hour: int, volumes: Sequence[HourVolume]) -> Cell:
    known = [each.requested for each in volumes if each.requested is not None]
    return Cell(
        weekday=weekday,
        hour=hour,
        operations=sum(each.operations for each in volumes),
        requested=sum(known) if known else None,
    )
