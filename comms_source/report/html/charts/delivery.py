"""Delivery over time: the outcomes of each day's sends, and below them the volume. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby, pairwise
from typing import Any, Final

import altair as alt

from comms_source.report import wording
from comms_source.report.data.days import DAYS, WEEK, days_between
from comms_source.report.data.facts import COVERED, ChannelFacts, ReportContext
from comms_source.report.data.sums import Share, Sums, both
from comms_source.report.findings.periods import covered_share, frozen_days
from comms_source.report.html.charts.colours import FIRST, MUTED, OTHER, PAPER, SECOND, THIRD
from comms_source.report.html.charts.drawing import WIDTH, Drawing

LABELS: Final = 46
"""The width of the labels of the vertical axes, the same in all panels."""
PLOT: Final = WIDTH - LABELS - 12
HEIGHT, CLOSE, BARS = 150, 56, 92
"""The heights of the shares, of their close-up, and of the bars."""
OWN_SCALE: Final = 0.05
"""Bars smaller than this share of the largest channel's would be too small to see."""
_DAY: Final = 86_400_000
"""In milliseconds, the unit of the axes."""
_BAR: Final = 0.62
"""The width of a bar, as a share of its day."""
_DASHES: Final = [3, 4]
_STRIPE: Final = 5
"""The distance between the stripes of a partly covered day."""
_PALE: Final = 0.4
_SIGNS: Final = {"partly": "~", "frozen": "!"}

SHAPES: Final = {"delivered": "circle", "not delivered": "square", "engaged": "triangle-up"}
COLOURS: Final = {"delivered": FIRST, "not delivered": SECOND, "engaged": THIRD}
FILLS: Final = {"delivered": FIRST, "not delivered": SECOND, "no outcome": MUTED, "other": OTHER}
"""The parts of the bars, from the bottom up."""

Rows = list[dict[str, Any]]
"""The data of a chart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One day of the chart."""

    day: date
    sums: Sums = Sums()
    moves: bool = False
    frozen: bool = False
    covered_share: float = 0.0

    @property
    def partly(self) -> bool:
        """Whether only a part of the day was read."""
        return self.covered_share < COVERED and not self.unread

    @property
    def unread(self) -> bool:
        """Whether nothing of the day was read, so that nothing is known of it."""
        return not self.covered_share and not self.sums.operations


def delivery(facts: ChannelFacts, context: ReportContext, *, top: int) -> Drawing | None:
    """The chart of a channel; None if no day has an operation.

    Args:
        facts: The facts of the channel.
        context: The time of the report, which determines the days.
        top: The largest volume of a day, of any channel: the scale of the bars.
    """
    points = points_of(facts, context)
    if not any(point.sums.operations for point in points):
        return None
    panels = [*_shares(points), _bars(points, facts.channel, top)]
    shown = wording.days(points[0].day, points[-1].day)
    subject = f"{wording.TITLES[facts.channel]}: shares and volume by day of the request, {shown}"
    return Drawing(
        chart=alt.vconcat(*panels, spacing=10),
        about="; ".join([subject, *notes(points)]),
        finding=finding(points, facts.channel),
    )


def points_of(facts: ChannelFacts, context: ReportContext) -> list[Point]:
    """The last days, today included; the same for each channel, also days without an operation."""
    frozen = frozen_days(facts, context)
    return [
        Point(
            day=name,
            sums=facts.day(name).sums,
            moves=facts.day(name).moves,
            frozen=name in frozen,
            covered_share=covered_share(facts, context, name),
        )
        for name in days_between(context.today - timedelta(days=DAYS), context.today)
    ]


def volume(sums: Sums) -> int:
    """The height of a day's bar: what was requested, as far as it is known."""
    return sums.requested or 0


def top_of(channels: Iterable[ChannelFacts]) -> int:
    """The largest volume of a day, of any channel."""
    return max((volume(each.sums) for facts in channels for each in facts.days.values()), default=0)


def shares_of(sums: Sums) -> dict[str, Share]:
    """The shares of a day: of what was attempted, and for engagement of what was delivered."""
    shares = {"delivered": sums.success}
    if sums.has_receipts:
        shares |= {"not delivered": sums.not_delivered_share, "engaged": sums.engagement}
    return {name: share for name, share in shares.items() if share}


def parts_of(sums: Sums) -> dict[str, int]:
    """The outcomes of what was requested, as parts that add up to it."""
    left = volume(sums)
    parts = {
        "delivered": sums.delivered_low if sums.has_receipts else sums.accepted,
        "not delivered": sums.not_delivered,
        "no outcome": both(sums.in_flight_low, sums.unconfirmed_low or 0),
    }
    known: dict[str, int] = {}
    for name, part in parts.items():
        known[name] = min(left, part or 0)
        left -= known[name]
    return {**known, "other": left}


def lines_of(points: Sequence[Point], name: str) -> list[tuple[bool, list[Point]]]:
    """Runs of consecutive days, and whether they may still change: one line each.

    The segment between two days may change if one of the days may.
    """
    lines: list[tuple[bool, list[Point]]] = []
    for left, right in pairwise(points):
        moves = left.moves or right.moves
        if not all(name in shares_of(point.sums) for point in (left, right)):
            continue
        if lines and lines[-1][0] == moves and lines[-1][1][-1] is left:
            lines[-1][1].append(right)
        else:
            lines.append((moves, [left, right]))
    return lines


def notes(points: Sequence[Point]) -> list[str]:
    """Notes on the days with a mark."""
    marked = {
        "may still change": [point.day for point in points if point.moves],
        "partly covered": [point.day for point in points if point.partly],
        "frozen early": [point.day for point in points if point.frozen],
        "not read": [point.day for point in points if point.unread],
    }
    return [f"{what}: {wording.ranges(which)}" for what, which in marked.items() if which]


def finding(points: Sequence[Point], channel: str) -> str:
    """What the chart shows: for each share, the worst day and the latest day."""
    names = {"delivered": _success_name(points), "engaged": wording.ENGAGED.get(channel, "read")}
    sentences = [_worst_and_latest(points, name, names.get(name, name)) for name in COLOURS]
    return " ".join(filter(None, sentences))


def _success_name(points: Sequence[Point]) -> str:
    return sum((point.sums for point in points), Sums()).success_name


def _known(points: Sequence[Point], name: str) -> list[tuple[Point, Share]]:
    """The days on which a share is known."""
    shares = [(point, shares_of(point.sums).get(name)) for point in points]
    return [(point, share) for point, share in shares if share]


def _worst_and_latest(points: Sequence[Point], name: str, word: str) -> str:
    """The worst and the latest day, preferably of covered days that cannot change any more."""
    known = _known(points, name)
    whole = [pair for pair in known if not pair[0].partly] or known
    stable = [pair for pair in whole if not pair[0].moves] or whole
    if not stable:
        return ""
    side, pick = ("highest", max) if name == "not delivered" else ("lowest", min)
    worst, latest = pick(stable, key=lambda pair: pair[1].low), stable[-1]
    if worst is latest:
        return f"{wording.upper_first(word)}: {side} and latest {_on(*latest)}."
    return f"{wording.upper_first(word)}: {side} {_on(*worst)}, latest {_on(*latest)}."


def _on(point: Point, share: Share) -> str:
    return f"{wording.percent(share)} on {wording.day(point.day)}"


def _at(of: date) -> int:
    """The position of a day on the axis: its midnight in UTC, in milliseconds."""
    return int(datetime.combine(of, time(), tzinfo=UTC).timestamp() * 1000)


def _chart(
    points: Sequence[Point], rows: Rows, y: Any, *, x: str = "day", labels: bool = True
) -> alt.Chart:
    """A chart of rows on the time axis, which has a label for each week before today."""
    first, last = _at(points[0].day), _at(points[-1].day)
    axis = alt.Axis(
        values=list(range(last, first - 1, -7 * _DAY)),
        labels=labels,
        title=None,
        grid=False,
        labelExpr="utcFormat(datum.value, '%-d %b')",
        labelFlush=False,
    )
    scale = alt.Scale(domain=[first - _DAY / 2, last + _DAY / 2], nice=False, zero=False)
    data = alt.InlineData(values=rows)
    return alt.Chart(data).encode(x=alt.X(f"{x}:Q", scale=scale, axis=axis), y=y)


def _y(low: float, high: float, **axis: Any) -> alt.Y:
    """The vertical axis of a panel, as wide as those of the others."""
    return alt.Y(
        "low:Q",
        scale=alt.Scale(domain=[low, high], nice=False, zero=False),
        axis=alt.Axis(title=None, minExtent=LABELS, maxExtent=LABELS, **axis),
    )


def _shares(points: Sequence[Point]) -> list[Any]:
    """All shares from 0 to 100%, so that channels can be compared, and a close-up of the first."""
    layers = [layer for name in COLOURS for layer in _lines(points, name, [0, 0.25, 0.5, 0.75, 1])]
    if not layers:
        return []
    shares = alt.layer(*layers).properties(width=PLOT, height=HEIGHT, title="Shares, 0 to 100%")
    return [shares, *_close_up(points)]


def _close_up(points: Sequence[Point]) -> list[Any]:
    """The share delivered once more on a scale that fits it, if that shows more."""
    shares = [share for _, share in _known(points, "delivered")]
    if not shares:
        return []
    # In whole per cent, with a margin.
    low = max(0, math.floor(100 * min(share.low for share in shares) - 1)) / 100
    high = min(100, math.ceil(100 * max(share.high for share in shares) + 1)) / 100
    if high - low > 0.5:  # noqa: PLR2004 - half of the height above
        return []
    layers = _lines(points, "delivered", [low, high])
    title = f"{wording.upper_first(_success_name(points))}, close up: {low:.0%} to {high:.0%}"
    return [alt.layer(*layers).properties(width=PLOT, height=CLOSE, title=title)]


def _lines(points: Sequence[Point], name: str, labels: Sequence[float]) -> list[Any]:
    """One share: solid if settled, hollow and dashed if it may change, pale if partly covered."""
    rows: dict[date, dict[str, Any]] = {
        point.day: {
            "day": _at(point.day),
            "low": share.low,
            "high": share.high,
            "moves": point.moves,
            "opacity": _PALE if point.partly else 1,
        }
        for point, share in _known(points, name)
    }
    if not rows:
        return []
    runs = [
        {**rows[point.day], "line": number, "moves": moves}
        for number, (moves, line) in enumerate(lines_of(points, name))
        for point in line
    ]
    colour, shape = COLOURS[name], SHAPES[name]
    y = _y(labels[0], labels[-1], format=".0%", values=list(labels))
    lines = _chart(points, runs, y, labels=False).encode(detail="line:N")
    dots = _chart(points, list(rows.values()), y, labels=False)
    faded = dots.encode(opacity=alt.Opacity("opacity:Q", scale=None, legend=None))
    full = faded.mark_point(color=colour, filled=True, shape=shape, size=22)
    hollow = faded.mark_point(
        stroke=colour, fill=PAPER, filled=False, shape=shape, size=26, strokeWidth=1.5
    )
    band = lines.mark_area(color=colour, opacity=0.25).encode(y2="high:Q")
    interval = dots.mark_rule(color=colour, opacity=0.4, strokeWidth=4).encode(y2="high:Q")
    return [
        *([band] if any(row["high"] > row["low"] for row in rows.values()) else []),
        interval.transform_filter("datum.high > datum.low"),
        lines.mark_line(color=colour).transform_filter("!datum.moves"),
        lines.mark_line(color=colour, strokeDash=_DASHES).transform_filter("datum.moves"),
        full.transform_filter("!datum.moves"),
        hollow.transform_filter("datum.moves"),
    ]


def bars_of(points: Sequence[Point]) -> Rows:
    """One row for each part of each day's bar, with its lower and upper end."""
    rows = []
    for point in points:
        low = 0
        for name, part in parts_of(point.sums).items():
            if part:
                place = {"day": _at(point.day), "low": low, "high": low + part}
                rows.append({**place, "part": name, "moves": point.moves})
            low += part
    return rows


def stripes_of(points: Sequence[Point], top: int) -> Rows:
    """Stripes across the bars of days that were partly covered."""
    step = max(1, top) * _STRIPE / BARS
    return [
        {**_span(point, _BAR), "low": step * (number + 0.5)}
        for point in points
        if point.partly
        for number in range(math.ceil(volume(point.sums) / step))
    ]


def _span(point: Point, width: float) -> dict[str, float]:
    """The middle of a day, as a share of it."""
    return {"from": _at(point.day) - width * _DAY / 2, "to": _at(point.day) + width * _DAY / 2}


def own_scale(points: Sequence[Point], top: int) -> bool:
    """Whether a channel's bars would be too small on the scale of the largest channel."""
    return max(volume(point.sums) for point in points) < OWN_SCALE * top


def _bars(points: Sequence[Point], channel: str, top: int) -> Any:
    """The volume of each day and its outcomes; hollow if they may still change."""
    own = own_scale(points, top)
    top = max(volume(point.sums) for point in points) if own else top
    zero_and_top = f"datum.value ? '{wording.compact(top)}' : '0'"
    y = _y(0, 1.25 * max(1, top), values=[0, top], grid=False, labelExpr=zero_and_top)
    rows, size = bars_of(points), _BAR * PLOT / len(points)
    layers = []
    for name, colour in FILLS.items():
        bars = _chart(points, [row for row in rows if row["part"] == name], y).encode(y2="high:Q")
        full = bars.mark_bar(size=size, color=colour)
        hollow = bars.mark_bar(
            size=size, fill=colour, fillOpacity=0.3, stroke=colour, strokeWidth=1
        )
        layers += [
            full.transform_filter("!datum.moves"),
            hollow.transform_filter("datum.moves"),
        ]
    read = [{**_span(point, 1), "low": 0} for point in points if not point.unread]
    stripes = _chart(points, stripes_of(points, top), y, x="from").encode(x2="to:Q")
    base_line = _chart(points, read, y, x="from").encode(x2="to:Q")
    signs = _chart(points, signs_of(points), alt.value(6)).encode(text="sign:N")
    layers += [
        stripes.mark_rule(color=PAPER, strokeWidth=1.75),
        base_line.mark_rule(color=MUTED, strokeWidth=1),
        signs.mark_text(color=MUTED, fontSize=11),
    ]
    scale = f"own scale, up to {wording.compact(top)}" if own else f"up to {wording.compact(top)}"
    title = f"{wording.upper_first(wording.RESOURCES[channel])} requested a day, {scale}"
    return alt.layer(*layers).properties(width=PLOT, height=BARS, title=title)


def signs_of(points: Sequence[Point]) -> Rows:
    """A sign above each day that is partly covered or frozen early, and a label on unread weeks."""
    signs = [
        (point.day, "".join(sign for name, sign in _SIGNS.items() if getattr(point, name)))
        for point in points
    ]
    runs = [list(run) for unread, run in groupby(points, key=lambda each: each.unread) if unread]
    weeks = [run for run in runs if len(run) >= WEEK]
    signs += [(run[len(run) // 2].day, "not read") for run in weeks]
    return [{"day": _at(of), "sign": sign} for of, sign in signs if sign]
