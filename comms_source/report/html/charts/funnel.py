"""The funnel of a channel: what was requested, and the parts that add up to it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from comms_source.report.findings.funnel import Funnel, Stage
from comms_source.report.html.charts.drawing import (
    FIRST,
    INK,
    MUTED,
    RULE,
    SECOND,
    THIRD,
    WIDTH,
    Drawing,
    altair,
)
from comms_source.report.wording import DASH, RESOURCES, TITLES, count, percent

STEP: Final = 38
"""The height of a stage: its name and numbers, and below them its bar."""
PLOT: Final = WIDTH - 12
INDENT: Final = 16
"""The indentation of a part of another stage."""


def funnel(channel: str, shown: Funnel) -> Drawing | None:
    """The chart; None if no stage is known."""
    alt = altair()
    if not shown.stages:
        return None
    rows = [_row(stage) for stage in shown.stages]
    top = max(stage.high for stage in shown.stages) or 1
    base = alt.Chart(alt.Data(values=[{**row, "top": top} for row in rows])).encode(
        y=alt.Y("name:N", sort=[stage.name for stage in shown.stages], axis=None)
    )
    layers = [*_bars(alt, base, top), *_words(alt, base, top)]
    chart = alt.layer(*layers).properties(width=PLOT, height=STEP * len(rows))
    about = f"{TITLES[channel]}: outcomes of all {RESOURCES[channel]} requested in the 7 days"
    return Drawing(chart=chart, about=about, finding=finding(shown))


def finding(shown: Funnel) -> str:
    """What the chart shows: each stage with its numbers, and the unknown ones."""
    stages = "; ".join(
        f"{'of these ' if stage.part_of else ''}{stage.name} {_numbers(stage)}"
        for stage in shown.stages
    )
    unknown = f" Not known: {', '.join(shown.unknown)}." if shown.unknown else ""
    return f"{stages.capitalize()}.{unknown}"


def _bars(alt: Any, base: Any, top: int) -> Sequence[Any]:
    scale = alt.Scale(domain=[0, top], nice=False)
    colour = alt.Color(
        "colour:N",
        scale=alt.Scale(
            domain=["stage", "part", "open", "loss"], range=[FIRST, THIRD, MUTED, SECOND]
        ),
        legend=None,
    )
    x = alt.X("low:Q", scale=scale, axis=None)
    place = {"yOffset": 10, "height": 8}
    return [
        base.mark_bar(**place, color=RULE).encode(x=alt.X("top:Q", scale=scale, axis=None)),
        base.mark_bar(**place, opacity=0.4).encode(x=x, x2="high:Q", color=colour),
        base.mark_bar(**place).encode(x=x, color=colour),
    ]


def _words(alt: Any, base: Any, top: int) -> Sequence[Any]:
    scale = alt.Scale(domain=[0, top], nice=False)
    at_end = alt.X("top:Q", scale=scale, axis=None)
    name = base.mark_text(align="left", dy=-5, color=INK)
    return [
        name.encode(x=alt.value(0), text="label:N").transform_filter("!datum.part_of"),
        name.encode(x=alt.value(INDENT), text="label:N").transform_filter("datum.part_of"),
        base.mark_text(align="right", dy=-5, color=MUTED).encode(x=at_end, text="numbers:N"),
    ]


def _row(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "label": f"of which {stage.name}" if stage.part_of else stage.name.capitalize(),
        "numbers": _numbers(stage),
        "part_of": stage.part_of,
        "colour": "part" if stage.part_of else stage.kind,
        "low": stage.low,
        "high": stage.high,
    }


def _numbers(stage: Stage) -> str:
    number = count(stage.low)
    if stage.high != stage.low:
        number = f"{number}{DASH}{count(stage.high)}"
    return f"{number} · {percent(stage.share)}" if stage.share else number
