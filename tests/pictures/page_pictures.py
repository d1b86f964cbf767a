"""The first screens of the page in light and dark, as PNG."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from PIL import Image

from comms_source.report.data.facts import Facts
from comms_source.report.html.rendering import page
from tests.report.chromium import chromium

WIDTH: Final = 1200
HEIGHT: Final = 1500
COLOURS: Final = 128
"""How many colours a picture has; the page has few, and letters need shades of them."""


def draw_page(facts: Facts) -> Mapping[str, bytes]:
    """The pictures by the names of their files."""
    file = Path("page.html").absolute()
    file.write_text(page(facts), encoding="utf-8")
    with chromium() as browser:
        pictures = {}
        for scheme in ("light", "dark"):
            view = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme
            )
            view.goto(file.as_uri())
            pictures[f"report-{scheme}.png"] = _small(view.screenshot())
    return pictures


def _small(png: bytes) -> bytes:
    """The same picture with few colours."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    few = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    output = io.BytesIO()
    few.save(output, "PNG", optimize=True)
    return output.getvalue()
