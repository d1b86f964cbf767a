"""Writes the page of a report to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from comms_source.cli.output_file import check_file, write_file

if TYPE_CHECKING:
    from comms_source.report.data.facts import Facts


def check_page(html: Path) -> None:
    """Check that a page can be drawn and written, before anything is read.

    Raises:
        ModuleNotFoundError: if the packages that draw it are not installed.
        ConfigurationError: if the file cannot be created.
    """
    import altair as alt  # noqa: F401, PLC0415 - an extra, and slow to import
    import jinja2  # noqa: F401, PLC0415
    import vl_convert  # noqa: F401, PLC0415

    check_file(html, option="html")


def write_page(facts: Facts, html: Path) -> int:
    """Write the page, and return its size in bytes.

    Raises:
        ConfigurationError: if the file cannot be written.
    """
    from comms_source.report.html.rendering import page  # noqa: PLC0415

    return write_file(page(facts), html, option="html")
