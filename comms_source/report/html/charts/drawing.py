"""Convert an Altair chart to a safe inline SVG: no scripts, no references, no fonts. Pure.

The output of vl-convert is parsed and rebuilt from an allowlist of elements and attributes.
Anything else is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree as ET

WIDTH: Final = 380
"""The width of a chart in its own units; the page scales it."""
TEXT: Final = 13

INK, MUTED, RULE = "var(--ink)", "var(--muted)", "var(--rule)"
OTHER: Final = "var(--other)"
FIRST, SECOND, THIRD = "var(--first)", "var(--second)", "var(--third)"
PAPER: Final = "var(--paper)"
HEAT: Final = tuple(f"var(--heat-{step})" for step in range(1, 7))

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

    @property
    def alt(self) -> str:
        """The text alternative for screen readers."""
        return f"{self.about}. {self.finding}"


def altair() -> Any:
    """The module altair, which is slow to import and an extra."""
    import altair as alt  # noqa: PLC0415 - see above

    return alt


def style() -> dict[str, Any]:
    """The Vega-Lite configuration of all charts."""
    text = {"labelFontSize": TEXT, "titleFontSize": TEXT, "labelColor": MUTED, "titleColor": MUTED}
    axis = {"domain": False, "ticks": False, "gridColor": RULE, "labelPadding": 6}
    return {
        "aria": False,
        "background": None,
        "font": "sans-serif",
        "padding": 4,
        "view": {"stroke": None},
        "axis": {**text, **axis, "titleFontWeight": "normal"},
        "legend": {**text, "orient": "bottom", "columnPadding": 18, "symbolSize": 500},
        "title": {"fontSize": TEXT, "fontWeight": "normal", "color": MUTED, "anchor": "start"},
        "text": {"fontSize": TEXT, "color": INK},
        "line": {"strokeWidth": 2, "strokeCap": "round"},
    }


def svg(drawing: Drawing) -> str:
    """The drawing as an SVG with its description as a label."""
    import vl_convert  # noqa: PLC0415 - slow to import, and not installed everywhere

    rendered = vl_convert.vegalite_to_svg({**drawing.chart.to_dict(), "config": style()})
    root = ET.fromstring(rendered)  # noqa: S314 - from vl-convert, without declarations
    clean = _clean(root)
    clean.attrib.clear()
    clean.attrib.update({"role": "img", "aria-label": drawing.alt, "fill": "none"})
    clean.set("viewBox", root.get("viewBox", ""))
    return _without_prefix(clean)


def _without_prefix(root: ET.Element) -> str:
    """The element without a namespace, as inline SVG in HTML."""
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
    return ET.tostring(root, encoding="unicode")


def _clean(element: ET.Element) -> ET.Element:
    """A copy of the element with the allowed attributes and children only."""
    kept = ET.Element(element.tag)
    kept.attrib.update(
        {name: value for name, value in element.attrib.items() if _is_plain(name, value)}
    )
    kept.text = element.text
    kept.extend(_clean(child) for child in element if _is_drawn(child))
    return kept


def _is_drawn(element: ET.Element) -> bool:
    empty = len(element) == 0 and not (element.text or "").strip()
    if element.tag.removeprefix(SVG) not in _ELEMENTS or element.get("display") == "none":
        return False
    if element.tag == f"{SVG}path":
        return element.get("d") not in {None, "", "M0,0h0v0h0Z"}
    return not empty or element.tag not in {f"{SVG}g", f"{SVG}text"}


def _is_plain(name: str, value: str) -> bool:
    return name in _ATTRIBUTES and _PLAIN.fullmatch(value) is not None
