"""Convert an Altair chart to a safe inline SVG: no scripts, no references, no fonts. Pure.

The output of vl-convert is parsed and rebuilt from an allowlist of elements and attributes.
Anything else is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree as ET

from comms_source.report.html.charts.colours import INK, MUTED, RULE

WIDTH: Final = 380
"""The width of a chart in its own units; the page scales it."""
TEXT: Final = 13

SVG: Final = "{http://www.w3.org/2000/svg}"
_ELEMENTS: Final = frozenset({"svg", "g", "path", "rect", "line", "circle", "text", "tspan"})
_ATTRIBUTES: Final = frozenset(
    {
        *("d", "x", "y", "x1", "y1", "x2", "y2", "r", "cx", "cy", "width", "height", "viewBox"),
        *("transform", "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity"),
        *("stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin"),
        *("stroke-miterlimit", "opacity", "text-anchor", "font-size", "font-weight", "font-style"),
        *("dx", "dy", "display", "visibility"),
    }
)
_PLAIN: Final = re.compile(r"(?:var\(--[a-z0-9-]+\)|[^()]|\b(?:translate|rotate|scale)\([^()]*\))*")
"""The allowed values of an attribute: no function but these, above all no `url(...)`."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart and its description."""

    chart: Any
    """An Altair chart."""
    about: str
    """The subject of the chart."""
    finding: str
    """What the chart shows, in a sentence or two."""


_TEXT = {"labelFontSize": TEXT, "titleFontSize": TEXT, "labelColor": MUTED, "titleColor": MUTED}
_AXIS: Final = {"domain": False, "ticks": False, "gridColor": RULE, "labelPadding": 6}
STYLE: Final = {
    "aria": False,
    "background": None,
    "font": "sans-serif",
    "padding": 4,
    "view": {"stroke": None},
    "axis": {**_TEXT, **_AXIS, "titleFontWeight": "normal"},
    "legend": {**_TEXT, "orient": "bottom", "columnPadding": 18, "symbolSize": 500},
    "title": {"fontSize": TEXT, "fontWeight": "normal", "color": MUTED, "anchor": "start"},
    "text": {"fontSize": TEXT, "color": INK},
    "line": {"strokeWidth": 2, "strokeCap": "round"},
}
"""The Vega-Lite configuration of all charts."""


def svg(drawing: Drawing) -> str:
    """The drawing as an SVG with its description as a label."""
    import vl_convert  # noqa: PLC0415 - slow to import, and not installed everywhere

    rendered = vl_convert.vegalite_to_svg({**drawing.chart.to_dict(), "config": STYLE})
    root = ET.fromstring(rendered)  # noqa: S314 - from vl-convert, without declarations
    clean = _clean(root)
    label = f"{drawing.about}. {drawing.finding}"
    clean.attrib = {"role": "img", "aria-label": label, "fill": "none"}
    clean.set("viewBox", root.get("viewBox", ""))
    return ET.tostring(clean, encoding="unicode")


def _clean(element: ET.Element) -> ET.Element:
    """A copy with the allowed attributes and children only, and without a namespace, as in HTML."""
    plain = {
        name: value
        for name, value in element.attrib.items()
        if name in _ATTRIBUTES and _PLAIN.fullmatch(value)
    }
    kept = ET.Element(element.tag.removeprefix(SVG), plain)
    kept.text = element.text
    kept.extend(_clean(child) for child in element if _is_drawn(child))
    return kept


def _is_drawn(element: ET.Element) -> bool:
    tag = element.tag.removeprefix(SVG)
    if tag not in _ELEMENTS or element.get("display") == "none":
        return False
    if tag == "path":
        return element.get("d") not in {None, "", "M0,0h0v0h0Z"}
    empty = len(element) == 0 and not (element.text or "").strip()
    return not empty or tag not in {"g", "text"}
