"""`comms demo`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from comms_source.cli.error_handling import ending
from comms_source.cli.page_file import check_page, write_page

if TYPE_CHECKING:
    from comms_source.report.data.facts import Facts

FILE: Final = Path("comms_demo.duckdb")


def demo(
    operations: Annotated[
        int,
        typer.Option(metavar="NUMBER", min=0, help="Operations a week of each channel."),
    ] = 2000,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write the report as one web page to this file.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Load from a sandbox, without a Twilio account.

    The sandbox plays two weeks in which several things went wrong, and the report says what. Writes
    comms_demo.duckdb into this folder, in place of the one of an earlier demo.
    """
    with ending(loads=True):
        from comms_source.cli.demo_story import play, read_demo  # noqa: PLC0415 - dlt is slow
        from comms_source.cli.output import show_figures, show_summary  # noqa: PLC0415
        from comms_source.report.terminal import show_conclusions  # noqa: PLC0415
        from comms_source.sandbox import story  # noqa: PLC0415
        from comms_source.timespans import SECOND, align_down, utc_now  # noqa: PLC0415

        if html:
            check_page(html)
        now = align_down(utc_now(), SECOND)
        summary, pipeline = play(story(now=now, operations=operations), file=FILE)
        show_summary(summary)
        show_figures(pipeline=pipeline)
        facts = read_demo(pipeline, now=utc_now())
        show_conclusions(facts)
        _say_what_next(facts, html=html)
    raise typer.Exit(summary.exit_code)


def _say_what_next(facts: Facts, *, html: Path | None) -> None:
    from comms_source.cli.output import print_lines  # noqa: PLC0415 - slow to import

    typer.echo()
    if html:
        size = write_page(facts, html)
        print_lines([f"The page with charts is {html.absolute()} ({size:,} bytes)."])
    print_lines([f"The data is in {FILE}. Query it with any DuckDB client, for example:"])
    typer.echo("  select day, channel, requested, delivered, delivery_rate")
    typer.echo("  from comms.daily_delivery order by day, channel")
    print_lines(["All of the report:"])
    program = "comms" if shutil.which("comms") else sys.argv[0]  # as make run starts it
    typer.echo(f"  DESTINATION__DUCKDB__CREDENTIALS={FILE} {program} report")
