"""The first screens of the page in light and dark, as PNG."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from PIL import Image
from playwright.sync_api import Browser, FloatRect

from comms_source.report.data.facts import Facts
from comms_source.report.html.rendering import page
from tests.report.chromium import chromium

WIDTH: Final = 1200
"""Pixels; the height goes down to the end of the charts over time."""
MARGIN: Final = 48
COLOURS: Final = 256
"""The palette of a picture; no pixel differs from the page's by more than 6 of 255 in lightness."""
SYSTEM: Final = "system-ui"
FONT: Final = "Roboto"
"""Stands in for the system's font, which differs from machine to machine."""


def draw_page(facts: Facts) -> Mapping[str, bytes]:
    """The pictures by the names of their files."""
    file = Path("page.html").absolute()
    text = page(facts).replace(f" {SYSTEM},", f" {FONT}, {SYSTEM},", 1)
    file.write_text(text, encoding="utf-8")
    with chromium() as browser:
        return {
            f"report-{scheme}.png": _drawn(browser, file, scheme) for scheme in ("light", "dark")
        }


def _drawn(browser: Browser, file: Path, scheme: Literal["light", "dark"]) -> bytes:
    view = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme=scheme)
    view.goto(file.as_uri())
    bottom = view.evaluate("document.querySelector('#delivery').getBoundingClientRect().bottom")
    clip = FloatRect(x=0, y=0, width=WIDTH, height=bottom + MARGIN)
    return _small(view.screenshot(full_page=True, clip=clip))


def _small(png: bytes) -> bytes:
    """The same picture with few colours."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    # The method that keeps colours of few pixels, such as those of thin lines.
    few = picture.quantize(
        COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE
    )
    output = io.BytesIO()
    few.save(output, "PNG", optimize=True)
    return output.getvalue()
