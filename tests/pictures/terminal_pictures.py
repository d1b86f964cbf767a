"""What commands print in a terminal, as SVG without a font or script from elsewhere."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from typing import Final
from unittest import mock

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from comms_source.cli.output import show_figures, show_status, show_summary
from comms_source.report.terminal import show_report
from tests.pictures.played import Played

COLUMNS: Final = 92
FONTS: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
THEME: Final = TerminalTheme(
    background=(28, 30, 32),
    foreground=(226, 225, 220),
    normal=[
        *((28, 30, 32), (240, 148, 92), (82, 196, 159), (231, 196, 104)),
        *((109, 182, 239), (197, 160, 235), (109, 200, 210), (226, 225, 220)),
    ],
)
FORMAT: Final = """\
<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" \
xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: FONTS; font-size: {char_height}px; \
line-height: {line_height}px; white-space: pre; }}
.{unique_id}-title {{ font-family: system-ui, sans-serif; font-size: 18px; font-weight: 600; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" \
height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" \
clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
""".replace("FONTS", FONTS)


def draw_terminals(played: Played) -> Mapping[str, bytes]:
    """The pictures by the names of their files."""

    def load() -> None:
        show_summary(played.summary)
        show_figures(pipeline=played.pipeline)

    commands: Mapping[str, Callable[[], None]] = {
        "load": load,
        "status": lambda: show_status(played.status),
        "report": lambda: show_report(played.facts),
    }
    return {f"{name}.svg": _drawn(name, show) for name, show in commands.items()}


def _drawn(name: str, show: Callable[[], None]) -> bytes:
    """The picture of a terminal in which `comms NAME` has run."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor")
    console.print(Text.assemble(("$ ", "cyan"), (f"comms {name}", "bold")))
    for line in _printed(show).rstrip().splitlines():
        console.print(Text.from_ansi(line), soft_wrap=False)
    svg = console.export_svg(title="", theme=THEME, code_format=FORMAT, unique_id=f"comms-{name}")
    # A clip path for each line, which cuts nothing; the texts have their lengths.
    svg = re.sub(r'<clipPath id="[^"]+-line-\d+">.*?</clipPath>\n?', "", svg, flags=re.DOTALL)
    svg = re.sub(r' clip-path="url\(#[^"]+-line-\d+\)"', "", svg)
    return re.sub(r"[ \t]+\n", "\n", svg).encode()


def _printed(show: Callable[[], None]) -> str:
    """What is printed on a terminal of this width."""
    output = io.StringIO()
    environment = {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    with mock.patch.dict(os.environ, environment), redirect_stdout(output):
        show()
    return output.getvalue()
