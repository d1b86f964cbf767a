"""Settle curves: how much of the final figures is known at which age. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import altair as alt

from comms_source.report.data.facts import SettlePoint
from comms_source.report.html.charts.colours import FIRST, SECOND, THIRD
from comms_source.report.html.charts.drawing import WIDTH, Drawing
from comms_source.report.wording import ENGAGED, TITLES, age, brief_age

PLOT: Final = WIDTH - 66
AGES: Final = (1, 6, 24, 72, 120, 168)
"""The labels of the axis of ages, in hours."""
_STYLES: Final = {
    "outcomes": (FIRST, [1, 0]),
    "accepted or failed": (FIRST, [1, 0]),
    "delivered": (SECOND, [7, 4]),
}
_ENGAGED: Final = (THIRD, [2, 4])
"""Colour and dashes of each line; either one distinguishes the lines."""


def settling(channel: str, curve: Sequence[SettlePoint]) -> Drawing | None:
    """The chart of one account and channel; None if fewer than two ages are known."""
    lines = lines_of(channel, curve)
    if max(map(len, lines.values()), default=0) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    rows = [
        {"age": hours, "share": share, "what": name}
        for name, points in lines.items()
        for hours, share in points
    ]
    styles = [_STYLES.get(name, _ENGAGED) for name in lines]
    colours, dashes = [colour for colour, _ in styles], [dash for _, dash in styles]
    legend = alt.Legend(title=None, symbolType="stroke", symbolStrokeWidth=2.25)
    what: dict[str, Any] = {"shorthand": "what:N", "legend": legend}
    chart = alt.Chart(alt.InlineData(values=rows)).encode(
        x=_x(),
        y=alt.Y(
            "share:Q",
            scale=alt.Scale(domain=[0, 1], nice=False),
            axis=alt.Axis(title=None, format=".0%", values=[0, 0.25, 0.5, 0.75, 1]),
        ),
        color=alt.Color(scale=alt.Scale(domain=list(lines), range=colours), **what),
        strokeDash=alt.StrokeDash(scale=alt.Scale(domain=list(lines), range=dashes), **what),
    )
    return Drawing(
        chart=chart.mark_line(strokeWidth=2.25).properties(
            width=PLOT, height=180, title="Share of the final figure"
        ),
        about=f"{TITLES[channel]}: how much of the final figures is known at which age",
        finding=finding(lines),
    )


_Points = Sequence[tuple[float, float]]


def lines_of(channel: str, curve: Sequence[SettlePoint]) -> dict[str, _Points]:
    """The known points of each line, by the name of the line; no share exceeds 1."""
    receipts = any(point.delivered is not None for point in curve)
    fields = {
        "outcomes" if receipts else "accepted or failed": "outcomes",
        "delivered": "delivered",
        ENGAGED.get(channel, "read"): "engaged",
    }
    lines = {
        name: [
            (point.age_hours, min(1.0, share))
            for point in curve
            if (share := getattr(point, field)) is not None
        ]
        for name, field in fields.items()
    }
    return {name: points for name, points in lines.items() if points}


def finding(lines: dict[str, _Points]) -> str:
    """What the chart shows: at which age a half, and nine tenths, are known."""
    return " ".join(
        f"{name.capitalize()}: {_known(points, 0.5, 'half')}, {_known(points, 0.9, 'nine tenths')}."
        for name, points in lines.items()
    )


def _known(points: _Points, share: float, name: str) -> str:
    first = next((hours for hours, known in points if known >= share), None)
    latest = age(points[-1][0])
    return f"{name} not known at {latest}" if first is None else f"{name} known at {age(first)}"


def _x() -> alt.X:
    """The axis of ages, on a square-root scale, because most changes happen early."""
    marks = ", ".join(f"'{hours}': '{brief_age(hours)}'" for hours in AGES)
    axis = alt.Axis(
        title="age of the send request (square-root scale)",
        values=list(AGES),
        labelExpr=f"{{{marks}}}[datum.value]",
        grid=False,
    )
    scale = alt.Scale(type="sqrt", domain=[0, AGES[-1]], nice=False)
    return alt.X("age:Q", scale=scale, axis=axis)
