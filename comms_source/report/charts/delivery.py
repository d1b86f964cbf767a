"""Delivery over time: the share of each day, and below it how much was asked for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, Final

from comms_source.report.charts.drawing import FIRST, PAPER, RULE, WIDTH, Drawing, altair
from comms_source.report.facts import ChannelFacts, DaySums, Made
from comms_source.report.figures import dated_days
from comms_source.report.sums import Share, success
from comms_source.report.wording import (
    RESOURCES,
    SUCCESS,
    TITLES,
    brief_day,
    compact,
    day,
    days,
    percent,
    ranges,
)

LABELS: Final = 46
"""How wide the marks of the vertical axes are, the same above and below."""
PLOT: Final = WIDTH - LABELS - 12
_STEP: Final = 7
_DASHES: Final = [3, 4]
_WIDEST, _FILLED = 20.0, 0.62
"""How wide a bar is at most, and how much of a day's room it fills."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One day of the chart."""

    day: date
    share: Share | None
    volume: int | None
    moves: bool


def delivery(facts: ChannelFacts, made: Made) -> Drawing | None:
    """The chart of a channel; None where no day tells a share."""
    alt = altair()
    points = points_of(dated_days(facts, made), facts.channel)
    if not any(point.share for point in points):
        return None
    shares, volumes = _shares(alt, points, facts.channel), _volumes(alt, points, facts.channel)
    span = days(points[0].day, points[-1].day)
    return Drawing(
        chart=alt.vconcat(shares, volumes, spacing=8),
        about=f"{TITLES[facts.channel]}: share {SUCCESS[facts.channel]} by day, {span}",
        finding=finding(points),
    )


def points_of(dated: Sequence[tuple[date, DaySums]], channel: str) -> list[Point]:
    """What is drawn of each day; a day without operations has no share."""
    resources = any(sums.all.resources for _, sums in dated)
    return [
        Point(
            day=name,
            share=success(sums.all, channel),
            volume=sums.all.resources if resources else sums.all.operations,
            moves=bool(sums.moving.operations),
        )
        for name, sums in dated
    ]


def lines_of(points: Sequence[Point]) -> list[tuple[bool, list[Point]]]:
    """Stretches of days that follow each other, and whether they move: drawn as one line each.

    A stretch between two days moves if one of them does.
    """
    lines: list[tuple[bool, list[Point]]] = []
    for left, right in pairwise(points):
        moves = left.moves or right.moves
        if left.share is None or right.share is None:
            continue
        if lines and lines[-1][0] == moves and lines[-1][1][-1] is left:
            lines[-1][1].append(right)
        else:
            lines.append((moves, [left, right]))
    return lines


def finding(points: Sequence[Point]) -> str:
    """What the chart shows: the lowest day, the latest, and which may still move."""
    told = [(point, point.share) for point in points if point.share]
    settled = [pair for pair in told if not pair[0].moves] or told
    lowest = min(settled, key=lambda pair: pair[1].low)
    moving = [point.day for point in points if point.moves]
    return (
        f"Lowest {percent(lowest[1])} on {day(lowest[0].day)}, "
        f"latest {percent(settled[-1][1])} on {day(settled[-1][0].day)}."
        + (f" {ranges(moving)} may still move." if moving else "")
    )


def _x(alt: Any, points: Sequence[Point], *, labels: bool) -> Any:
    names = [brief_day(point.day) for point in points]
    marked = names[::-1][::_STEP] if len(names) > _STEP else [names[0], names[-1]]
    return alt.X(
        "day:O",
        scale=alt.Scale(domain=names, type="band", paddingInner=0.35, paddingOuter=0.2),
        axis=alt.Axis(values=marked, labels=labels, title=None, labelAngle=0, grid=False),
    )


def _y_axis(alt: Any, **more: Any) -> Any:
    return alt.Axis(title=None, minExtent=LABELS, maxExtent=LABELS, **more)


def _shares(alt: Any, points: Sequence[Point], channel: str) -> Any:
    told = [point for point in points if point.share]
    y = alt.Y("low:Q", scale=_domain(alt, told), axis=_share_axis(alt, told))
    x = _x(alt, points, labels=False)
    runs = [
        {**_row(point), "line": number, "moves": moves}
        for number, (moves, line) in enumerate(lines_of(points))
        for point in line
    ]
    lines = alt.Chart(alt.Data(values=runs)).encode(x=x, y=y, detail="line:N")
    dots = alt.Chart(alt.Data(values=[_row(point) for point in told])).encode(x=x, y=y)
    bands = [
        lines.mark_area(color=FIRST, opacity=0.25).encode(y2="high:Q"),
        dots.mark_rule(color=FIRST, opacity=0.4, strokeWidth=4).encode(y2="high:Q"),
    ]
    title = f"Share {SUCCESS[channel]}"
    layers = [*bands, *_marks(lines, dots)]
    return alt.layer(*layers).properties(width=PLOT, height=170, title=title)


def _marks(lines: Any, dots: Any) -> list[Any]:
    """What is settled is drawn full, what moves dashed and hollow."""
    settled, moving = "!datum.moves", "datum.moves"
    hollow = dots.mark_point(color=FIRST, fill=PAPER, size=40, strokeWidth=1.75, opacity=1)
    return [
        lines.mark_line(color=FIRST).transform_filter(settled),
        lines.mark_line(color=FIRST, strokeDash=_DASHES).transform_filter(moving),
        dots.mark_circle(color=FIRST, size=22, opacity=1).transform_filter(settled),
        hollow.transform_filter(moving),
    ]


def _row(point: Point) -> dict[str, Any]:
    low, high = (point.share.low, point.share.high) if point.share else (None, None)
    return {"day": brief_day(point.day), "low": low, "high": high, "moves": point.moves}


def _ends(told: Sequence[Point]) -> tuple[float, float]:
    """The lowest and the highest share on the axis, with some room around."""
    low = min(point.share.low for point in told if point.share)
    high = max(point.share.high for point in told if point.share)
    room = max(0.01, 0.15 * (high - low))
    return max(0.0, low - room), min(1.0, high + room)


def _domain(alt: Any, told: Sequence[Point]) -> Any:
    return alt.Scale(domain=list(_ends(told)), nice=4, zero=False)


def _share_axis(alt: Any, told: Sequence[Point]) -> Any:
    low, high = _ends(told)
    return _y_axis(alt, format=".0%" if high - low > 0.04 else ".1%", tickCount=4)  # noqa: PLR2004


def _volumes(alt: Any, points: Sequence[Point], channel: str) -> Any:
    rows = [
        {"day": brief_day(point.day), "volume": point.volume, "moves": point.moves}
        for point in points
        if point.volume is not None
    ]
    top = max((point.volume or 0 for point in points), default=0)
    axis = _y_axis(alt, values=[0, top], labelExpr=f"datum.value ? '{compact(top)}' : '0'")
    bars = alt.Chart(alt.Data(values=rows)).encode(
        x=_x(alt, points, labels=True),
        y=alt.Y("volume:Q", scale=alt.Scale(domain=[0, max(1, top)]), axis=axis),
    )
    size = min(_WIDEST, _FILLED * PLOT / len(points))
    hollow = bars.mark_bar(fill=PAPER, stroke=FIRST, strokeWidth=1.25, size=size)
    return alt.layer(
        bars.mark_bar(color=FIRST, size=size).transform_filter("!datum.moves"),
        hollow.transform_filter("datum.moves"),
        bars.mark_rule(color=RULE).encode(y=alt.datum(0)),
    ).properties(width=PLOT, height=56, title=f"{RESOURCES[channel].capitalize()} asked for")
