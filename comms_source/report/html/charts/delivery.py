"""Delivery over time: the outcomes of each day's sends, and below them the volume. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby, pairwise
from typing import Any, Final

from comms_source.report.data.days import DAYS, days_between
from comms_source.report.data.facts import ChannelFacts, Day, ReportContext
from comms_source.report.data.sums import Share, Sums, both
from comms_source.report.findings.periods import COVERED, frozen_days, read_share
from comms_source.report.html.charts.drawing import (
    FIRST,
    MUTED,
    OTHER,
    PAPER,
    SECOND,
    THIRD,
    WIDTH,
    Drawing,
    altair,
)
from comms_source.report.wording import (
    ENGAGED,
    RESOURCES,
    TITLES,
    compact,
    day,
    days,
    percent,
    ranges,
)

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
    alt = altair()
    points = points_of(facts, context)
    if not any(point.sums.operations for point in points):
        return None
    panels = [*_shares(alt, points), _bars(alt, points, facts.channel, top)]
    return Drawing(
        chart=alt.vconcat(*panels, spacing=10),
        about="; ".join([f"{TITLES[facts.channel]}: {_subject(points)}", *notes(points)]),
        finding=finding(points, facts.channel),
    )


def points_of(facts: ChannelFacts, context: ReportContext) -> list[Point]:
    """The last days, today included; the same for each channel, also days without an operation."""
    names = days_between(context.today - timedelta(days=DAYS), context.today)
    frozen = set(frozen_days(facts, context))
    return [_point(name, facts, context, frozen=name in frozen) for name in names]


def _point(name: date, facts: ChannelFacts, context: ReportContext, *, frozen: bool) -> Point:
    shown = facts.days.get(name, Day())
    stored = shown.sums.operations
    covered = shown.covered_share if stored else read_share(facts, context, name, name)
    return Point(
        day=name,
        sums=shown.sums,
        moves=shown.moves,
        frozen=frozen,
        covered_share=covered or 0.0,
    )


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


def _subject(points: Sequence[Point]) -> str:
    return f"shares and volume by day of the request, {days(points[0].day, points[-1].day)}"


def notes(points: Sequence[Point]) -> list[str]:
    """Notes on the days with a mark."""
    marked = {
        "may still change": [point.day for point in points if point.moves],
        "partly covered": [point.day for point in points if point.partly],
        "frozen early": [point.day for point in points if point.frozen],
        "not read": [point.day for point in points if point.unread],
    }
    return [f"{what}: {ranges(which)}" for what, which in marked.items() if which]


def finding(points: Sequence[Point], channel: str) -> str:
    """What the chart shows: for each share, the worst day and the latest day."""
    sums = sum((point.sums for point in points), Sums())
    names = {"delivered": sums.success_name, "engaged": ENGAGED.get(channel, "read")}
    sentences = [_worst_and_latest(points, name, names.get(name, name)) for name in COLOURS]
    return " ".join(filter(None, sentences))


def _worst_and_latest(points: Sequence[Point], name: str, word: str) -> str:
    """The worst and the latest day, preferably of covered days that cannot change any more."""
    known = [
        (point, shares_of(point.sums)[name]) for point in points if name in shares_of(point.sums)
    ]
    whole = [pair for pair in known if not pair[0].partly] or known
    stable = [pair for pair in whole if not pair[0].moves] or whole
    if not stable:
        return ""
    side, pick = ("highest", max) if name == "not delivered" else ("lowest", min)
    worst, latest = pick(stable, key=lambda pair: pair[1].low), stable[-1]
    if worst is latest:
        return f"{_upper(word)}: {side} and latest {_on(*latest)}."
    return f"{_upper(word)}: {side} {_on(*worst)}, latest {_on(*latest)}."


def _on(point: Point, share: Share) -> str:
    return f"{percent(share)} on {day(point.day)}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _at(of: date) -> int:
    """The position of a day on the axis: its midnight in UTC, in milliseconds."""
    return int(datetime.combine(of, time(), tzinfo=UTC).timestamp() * 1000)


def _x(alt: Any, points: Sequence[Point], *, labels: bool, field: str = "day") -> Any:
    """The time axis, with a label for each week before today."""
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
    return alt.X(f"{field}:Q", scale=scale, axis=axis)


def _y_axis(alt: Any, **more: Any) -> Any:
    return alt.Axis(title=None, minExtent=LABELS, maxExtent=LABELS, **more)


def _shares(alt: Any, points: Sequence[Point]) -> list[Any]:
    """All shares from 0 to 100%, so that channels can be compared, and a close-up of the first."""
    axis = _y_axis(alt, format=".0%", values=[0, 0.25, 0.5, 0.75, 1])
    layers = [layer for name in COLOURS for layer in _lines(alt, points, name, (0.0, 1.0), axis)]
    if not layers:
        return []
    shares = alt.layer(*layers).properties(width=PLOT, height=HEIGHT, title="Shares, 0 to 100%")
    return [shares, *_close_up(alt, points)]


def _close_up(alt: Any, points: Sequence[Point]) -> list[Any]:
    """The share delivered once more on a scale that fits it, if that shows more."""
    known = [shares_of(point.sums).get("delivered") for point in points]
    low, high = _ends([share for share in known if share])
    if not any(known) or high - low > 0.5:  # noqa: PLR2004 - half of the height above
        return []
    axis = _y_axis(alt, format=".0%", values=[low, high])
    layers = _lines(alt, points, "delivered", (low, high), axis)
    word = sum((point.sums for point in points), Sums()).success_name
    title = f"{_upper(word)}, close up: {low:.0%} to {high:.0%}"
    return [alt.layer(*layers).properties(width=PLOT, height=CLOSE, title=title)]


def _ends(shares: Sequence[Share]) -> tuple[float, float]:
    """The minimum and the maximum in whole per cent, with a margin."""
    low = min((share.low for share in shares), default=0.0)
    high = max((share.high for share in shares), default=1.0)
    return max(0, math.floor(100 * low - 1)) / 100, min(100, math.ceil(100 * high + 1)) / 100


def _lines(
    alt: Any, points: Sequence[Point], name: str, ends: tuple[float, float], axis: Any
) -> list[Any]:
    """One share: solid if settled, hollow and dashed if it may change, pale if partly covered."""
    runs = [
        {**_row(point, name), "line": number, "moves": moves}
        for number, (moves, line) in enumerate(lines_of(points, name))
        for point in line
    ]
    rows = [_row(point, name) for point in points if name in shares_of(point.sums)]
    if not rows:
        return []
    colour, shape = COLOURS[name], SHAPES[name]
    y = alt.Y("low:Q", scale=alt.Scale(domain=list(ends), nice=False, zero=False), axis=axis)
    x = _x(alt, points, labels=False)
    lines = alt.Chart(alt.Data(values=runs)).encode(x=x, y=y, detail="line:N")
    dots = alt.Chart(alt.Data(values=rows)).encode(x=x, y=y)
    faded = dots.encode(opacity=alt.Opacity("opacity:Q", scale=None, legend=None))
    hollow = faded.mark_point(
        stroke=colour, fill=PAPER, filled=False, shape=shape, size=26, strokeWidth=1.5
    )
    wide = [row for row in rows if row["high"] > row["low"]]
    return [
        *([lines.mark_area(color=colour, opacity=0.25).encode(y2="high:Q")] if wide else []),
        dots.mark_rule(color=colour, opacity=0.4, strokeWidth=4)
        .encode(y2="high:Q")
        .transform_filter("datum.high > datum.low"),
        lines.mark_line(color=colour).transform_filter("!datum.moves"),
        lines.mark_line(color=colour, strokeDash=_DASHES).transform_filter("datum.moves"),
        faded.mark_point(color=colour, filled=True, shape=shape, size=22).transform_filter(
            "!datum.moves"
        ),
        hollow.transform_filter("datum.moves"),
    ]


def _row(point: Point, name: str) -> dict[str, Any]:
    share = shares_of(point.sums)[name]
    return {
        "day": _at(point.day),
        "low": share.low,
        "high": share.high,
        "moves": point.moves,
        "opacity": _PALE if point.partly else 1,
    }


def bars_of(points: Sequence[Point]) -> list[dict[str, Any]]:
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


def stripes_of(points: Sequence[Point], top: int) -> list[dict[str, float]]:
    """Stripes across the bars of days that were partly covered."""
    step = max(1, top) * _STRIPE / BARS
    return [
        {**_span(point, _BAR / 2), "low": step * (number + 0.5)}
        for point in points
        if point.partly
        for number in range(math.ceil(volume(point.sums) / step))
    ]


def _span(point: Point, half: float) -> dict[str, float]:
    return {"from": _at(point.day) - half * _DAY, "to": _at(point.day) + half * _DAY}


def own_scale(points: Sequence[Point], top: int) -> bool:
    """Whether a channel's bars would be too small on the scale of the largest channel."""
    return max(volume(point.sums) for point in points) < OWN_SCALE * top


def _bars(alt: Any, points: Sequence[Point], channel: str, top: int) -> Any:
    own = own_scale(points, top)
    top = max(volume(point.sums) for point in points) if own else top
    layers = [
        *_stacks(alt, points, top),
        _rules(alt, points, stripes_of(points, top), top, PAPER, 1.75),
        _rules(alt, points, [{**_span(each, 0.5), "low": 0} for each in _read(points)], top, MUTED),
        *_signs(alt, points),
    ]
    scale = f"own scale, up to {compact(top)}" if own else f"up to {compact(top)}"
    title = f"{_upper(RESOURCES[channel])} requested a day, {scale}"
    return alt.layer(*layers).properties(width=PLOT, height=BARS, title=title)


def _read(points: Sequence[Point]) -> list[Point]:
    return [point for point in points if not point.unread]


def _height(alt: Any, top: int) -> Any:
    axis = _y_axis(
        alt, values=[0, top], grid=False, labelExpr=f"datum.value ? '{compact(top)}' : '0'"
    )
    scale = alt.Scale(domain=[0, 1.25 * max(1, top)], nice=False)
    return alt.Y("low:Q", scale=scale, axis=axis)


def _stacks(alt: Any, points: Sequence[Point], top: int) -> list[Any]:
    """Stacked bars of the outcomes; hollow if they may still change."""
    rows = bars_of(points)
    size = _BAR * PLOT / len(points)
    layers = []
    for name, colour in FILLS.items():
        mine = [row for row in rows if row["part"] == name]
        bars = alt.Chart(alt.Data(values=mine)).encode(
            x=_x(alt, points, labels=True), y=_height(alt, top), y2="high:Q"
        )
        hollow = bars.mark_bar(
            size=size, fill=colour, fillOpacity=0.3, stroke=colour, strokeWidth=1
        )
        layers += [
            bars.mark_bar(size=size, color=colour).transform_filter("!datum.moves"),
            hollow.transform_filter("datum.moves"),
        ]
    return layers


def _rules(
    alt: Any,
    points: Sequence[Point],
    rows: Sequence[Mapping[str, float]],
    top: int,
    colour: str,
    width: float = 1,
) -> Any:
    """Horizontal lines, from one time to another."""
    base = alt.Chart(alt.Data(values=list(rows))).mark_rule(color=colour, strokeWidth=width)
    return base.encode(x=_x(alt, points, labels=True, field="from"), x2="to:Q", y=_height(alt, top))


def _signs(alt: Any, points: Sequence[Point]) -> list[Any]:
    """A sign above each day that is partly covered or frozen early, and a label on unread weeks."""
    rows = [
        {"day": _at(point.day), "sign": "".join(sign for sign in signs if sign)}
        for point in points
        if any(signs := [_SIGNS[name] if getattr(point, name) else "" for name in _SIGNS])
    ]
    rows += [{"day": _at(middle), "sign": "not read"} for middle in _unread_weeks(points)]
    base = alt.Chart(alt.Data(values=rows)).mark_text(color=MUTED, fontSize=11)
    return [base.encode(x=_x(alt, points, labels=True), y=alt.value(6), text="sign:N")]


def _unread_weeks(points: Sequence[Point]) -> list[date]:
    """The middle of each run of seven or more days that were not read."""
    runs = [list(run) for unread, run in groupby(points, key=lambda each: each.unread) if unread]
    return [run[len(run) // 2].day for run in runs if len(run) >= 7]  # noqa: PLR2004
