"""Settle curves: how much of the final figures is known at which age. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from comms_source.report.charts.drawing import FIRST, SECOND, THIRD, WIDTH, Drawing, altair
from comms_source.report.facts import SettlePoint
from comms_source.report.wording import ENGAGED, TITLES, age, brief_age

PLOT: Final = WIDTH - 66
_STYLES: Final = ((FIRST, [1, 0]), (SECOND, [7, 4]), (THIRD, [2, 4]))
"""Colour and dashes of each line; either tells them apart."""


def settling(channel: str, curve: Sequence[SettlePoint]) -> Drawing | None:
    """The chart of one account's channel; None where nothing is settled yet."""
    alt = altair()
    lines = lines_of(channel, curve)
    if not lines:
        return None
    ages = [brief_age(point.age_hours) for point in curve]
    rows = [
        {"age": brief_age(hours), "share": share, "what": name}
        for name, points in lines.items()
        for hours, share in points
    ]
    top = max(1.0, *(share for points in lines.values() for _, share in points))
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=_x(alt, ages),
        y=alt.Y(
            "share:Q",
            scale=alt.Scale(domain=[0, top], nice=False),
            axis=alt.Axis(title=None, format=".0%", values=[0, 0.25, 0.5, 0.75, 1]),
        ),
        color=_told_by(alt, "color", list(lines), [colour for colour, _ in _STYLES]),
        strokeDash=_told_by(alt, "dash", list(lines), [dash for _, dash in _STYLES]),
    )
    chart = base.mark_line(strokeWidth=2.25)
    if len(ages) == 1:
        chart = base.mark_point(size=60)
    return Drawing(
        chart=chart.properties(width=PLOT, height=190, title="Share of the final figure"),
        about=f"{TITLES[channel]}: how much of the final figures is known at which age",
        finding=finding(lines),
    )


_Points = Sequence[tuple[float, float]]


def lines_of(channel: str, curve: Sequence[SettlePoint]) -> dict[str, _Points]:
    """The points that are known of each line, by what the line shows."""
    engaged = ENGAGED.get(channel)
    outcomes = "outcomes" if engaged else "accepted or failed"
    named = {
        outcomes: [(point.age_hours, point.outcomes) for point in curve],
        "delivered": [(point.age_hours, point.reached) for point in curve],
        engaged or "read": [(point.age_hours, point.engaged) for point in curve],
    }
    lines = {
        name: [(hours, share) for hours, share in points if share is not None]
        for name, points in named.items()
    }
    return {name: points for name, points in lines.items() if points}


def finding(lines: dict[str, _Points]) -> str:
    """What the chart shows: from which age on half, and nine tenths, is known."""
    return " ".join(
        f"{name.capitalize()}: {_known(points, 0.5, 'half')}, {_known(points, 0.9, 'nine tenths')}."
        for name, points in lines.items()
    )


def _known(points: _Points, share: float, name: str) -> str:
    first = next((hours for hours, known in points if known >= share), None)
    return f"{name} never known" if first is None else f"{name} known at {age(first)}"


def _x(alt: Any, ages: Sequence[str]) -> Any:
    axis = alt.Axis(title="age of the send request", labelAngle=0, grid=False)
    return alt.X("age:O", sort=list(ages), axis=axis, scale=alt.Scale(padding=0.3))


def _told_by(alt: Any, channel: str, names: list[str], values: list[Any]) -> Any:
    scale = alt.Scale(domain=names, range=values[: len(names)])
    legend = alt.Legend(title=None, symbolType="stroke", symbolStrokeWidth=2.25)
    kind = alt.Color if channel == "color" else alt.StrokeDash
    return kind("what:N", scale=scale, legend=legend)
