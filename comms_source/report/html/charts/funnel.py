"""The funnel of a channel: what was requested, and the parts that add up to it. Pure."""

from __future__ import annotations

from typing import Any, Final

import altair as alt

from comms_source.report.findings.funnel import Funnel, Stage
from comms_source.report.html.charts.colours import FIRST, INK, MUTED, RULE, SECOND, THIRD
from comms_source.report.html.charts.drawing import WIDTH, Drawing
from comms_source.report.wording import RESOURCES, TITLES, percent, span

STEP: Final = 38
"""The height of a stage: its name and numbers, and below them its bar."""
PLOT: Final = WIDTH - 12
INDENT: Final = 16
"""The indentation of a part of another stage."""


def funnel(channel: str, shown: Funnel) -> Drawing | None:
    """The chart; None if no stage is known."""
    if not shown.stages:
        return None
    top = max(stage.high for stage in shown.stages) or 1
    rows = [{**_row(stage), "top": top} for stage in shown.stages]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("name:N", sort=[stage.name for stage in shown.stages], axis=None)
    )
    chart = alt.layer(*_layers(base, top)).properties(width=PLOT, height=STEP * len(rows))
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


def _layers(base: alt.Chart, top: int) -> list[alt.Chart]:
    """The bars, then the words and numbers above them."""
    x: dict[str, Any] = {"scale": alt.Scale(domain=[0, top], nice=False), "axis": None}
    at_low, at_end = alt.X("low:Q", **x), alt.X("top:Q", **x)
    kinds = {"stage": FIRST, "part": THIRD, "open": MUTED, "loss": SECOND}
    scale = alt.Scale(domain=list(kinds), range=list(kinds.values()))
    bars = base.encode(x=at_low, color=alt.Color("colour:N", scale=scale, legend=None))
    place: dict[str, Any] = {"yOffset": 10, "height": 8}
    name = base.mark_text(align="left", dy=-5, color=INK).encode(text="label:N")
    numbers = base.mark_text(align="right", dy=-5, color=MUTED).encode(text="numbers:N")
    return [
        base.mark_bar(**place, color=RULE).encode(x=at_end),
        bars.mark_bar(**place, opacity=0.4).encode(x2="high:Q"),
        bars.mark_bar(**place),
        name.encode(x=alt.value(0)).transform_filter("!datum.part_of"),
        name.encode(x=alt.value(INDENT)).transform_filter("datum.part_of"),
        numbers.encode(x=at_end),
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
    number = span(stage.low, stage.high)
    return f"{number} · {percent(stage.share)}" if stage.share else number
