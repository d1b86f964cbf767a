"""Settle curves: how much of the final figures is known at which age. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from comms_source.report.data.facts import SettlePoint
from comms_source.report.html.charts.drawing import FIRST, SECOND, THIRD, WIDTH, Drawing, altair
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
    alt = altair()
    lines = lines_of(channel, curve)
    if max(map(len, lines.values()), default=0) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    rows = [
        {"age": hours, "share": share, "what": name}
        for name, points in lines.items()
        for hours, share in points
    ]
    styles = [_STYLES.get(name, _ENGAGED) for name in lines]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=_x(alt),
        y=alt.Y(
            "share:Q",
            scale=alt.Scale(domain=[0, 1], nice=False),
            axis=alt.Axis(title=None, format=".0%", values=[0, 0.25, 0.5, 0.75, 1]),
        ),
        color=_encoding(alt, "color", list(lines), [colour for colour, _ in styles]),
        strokeDash=_encoding(alt, "dash", list(lines), [dash for _, dash in styles]),
    )
    chart = base.mark_line(strokeWidth=2.25)
    return Drawing(
        chart=chart.properties(width=PLOT, height=180, title="Share of the final figure"),
        about=f"{TITLES[channel]}: how much of the final figures is known at which age",
        finding=finding(lines),
    )


_Points = Sequence[tuple[float, float]]


def lines_of(channel: str, curve: Sequence[SettlePoint]) -> dict[str, _Points]:
    """The known points of each line, by the name of the line; no share exceeds 1."""
    receipts = any(point.delivered is not None for point in curve)
    named = {
        "outcomes" if receipts else "accepted or failed": [
            (point.age_hours, point.outcomes) for point in curve
        ],
        "delivered": [(point.age_hours, point.delivered) for point in curve],
        ENGAGED.get(channel, "read"): [(point.age_hours, point.engaged) for point in curve],
    }
    lines = {
        name: [(hours, min(1.0, share)) for hours, share in points if share is not None]
        for name, points in named.items()
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


def _x(alt: Any) -> Any:
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


def _encoding(alt: Any, channel: str, names: list[str], values: list[Any]) -> Any:
    scale = alt.Scale(domain=names, range=values)
    legend = alt.Legend(title=None, symbolType="stroke", symbolStrokeWidth=2.25)
    kind = alt.Color if channel == "color" else alt.StrokeDash
    return kind("what:N", scale=scale, legend=legend)
