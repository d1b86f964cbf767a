"""The heat map: how much is requested in each hour of each day of the week. Pure."""

from __future__ import annotations

from typing import Final

import altair as alt

from comms_source.report.data.days import HOUR_DAYS
from comms_source.report.findings.hours import Cell, Heat
from comms_source.report.html.charts.colours import HEAT
from comms_source.report.html.charts.drawing import WIDTH, Drawing
from comms_source.report.wording import RESOURCES, TITLES, WEEKDAYS, count

PLOT: Final = WIDTH - 52
_HOURS: Final = 24
_CLOCK: Final = "datum.value < 10 ? '0' + datum.value : '' + datum.value"


def hours(channel: str, heat: Heat) -> Drawing | None:
    """The chart; None if nothing was requested."""
    if not heat.known:
        return None
    rows = [
        {"weekday": WEEKDAYS[cell.weekday][:3], "hour": cell.hour, "value": value}
        for cell, value in heat.known
    ]
    steps = [top_of(heat) * step / len(HEAT) for step in range(1, len(HEAT))]
    chart = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X(
            "hour:O",
            scale=alt.Scale(domain=list(range(_HOURS)), paddingInner=0.12),
            axis=alt.Axis(title=None, values=[0, 6, 12, 18, 23], labelAngle=0, labelExpr=_CLOCK),
        ),
        y=alt.Y(
            "weekday:O",
            scale=alt.Scale(domain=[name[:3] for name in WEEKDAYS], paddingInner=0.12),
            axis=alt.Axis(title=None),
        ),
        # Equal steps of one colour.
        color=alt.Color(
            "value:Q",
            scale=alt.Scale(type="threshold", domain=steps, range=list(HEAT)),
            legend=None,
        ),
    )
    return Drawing(
        chart=chart.mark_rect().properties(width=PLOT, height=7 * 22),
        about=f"{TITLES[channel]}: {unit_of(channel, heat)} by day of the week and hour, "
        f"summed over up to {HOUR_DAYS} days",
        finding=finding(heat),
    )


def unit_of(channel: str, heat: Heat) -> str:
    """The unit of the values."""
    return f"{RESOURCES[channel]} requested" if heat.unit == "requested" else "operations"


def finding(heat: Heat) -> str:
    """What the chart shows: the busiest hour, the quietest hour, and the number of empty hours."""
    (busiest, most), (quietest, least) = heat.known[0], heat.known[-1]
    empty = 7 * _HOURS - len(heat.cells)
    return (
        f"Most, {count(most)}, on {_hour(busiest)}; fewest, {count(least)}, on {_hour(quietest)}"
        + (f"; no data for {empty} of {7 * _HOURS} hours." if empty else ".")
    )


def _hour(cell: Cell) -> str:
    return f"{WEEKDAYS[cell.weekday]}s from {cell.hour}:00"


def top_of(heat: Heat) -> int:
    """The upper end of the colour scale, which one cell in twenty exceeds.

    Otherwise a single large mailing would leave all other hours pale.
    """
    values = [value for _, value in heat.known]
    return max(1, values[len(values) // 20]) if values else 1
