"""`comms report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from comms_source.cli.error_handling import ending, print_json
from comms_source.cli.options import AsJson, Channels, Dataset, Destination

if TYPE_CHECKING:
    from comms_source.report.data.facts import Facts


def report(
    html: Annotated[
        Path | None,
        typer.Option(help="Write a self-contained web page to this file.", show_default=False),
    ] = None,
    channel: Channels = None,
    account: Annotated[
        str | None, typer.Option(help="Only this account.", show_default="all")
    ] = None,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Show today, yesterday and seven days, current problems, and how final the figures are.

    Reads the views, and does not call the API. --html needs the extra `report`; if that is not
    installed, the error says how to install it.
    """
    with ending(as_json=as_json):
        from comms_source.commands.views import reading_pipeline  # noqa: PLC0415
        from comms_source.report.data.read import read_facts  # noqa: PLC0415 - dlt is slow to import
        from comms_source.report.html.write import check_page  # noqa: PLC0415
        from comms_source.timespans import utc_now  # noqa: PLC0415
        from comms_source.views.settings import view_settings  # noqa: PLC0415

        if html:
            check_page(html)
        facts = read_facts(
            reading_pipeline(destination=destination, dataset=dataset),
            settings=view_settings(),
            now=utc_now(),
            channels=channel or (),
            account=account,
        )
        _show(facts, html=html, as_json=as_json)


def _show(facts: Facts, *, html: Path | None, as_json: bool) -> None:
    from comms_source.report.as_json import as_dict  # noqa: PLC0415
    from comms_source.report.terminal import show_report  # noqa: PLC0415

    written = _write(facts, html) if html else None
    if as_json:
        print_json(as_dict(facts) | ({"page": written} if written else {}))
    elif written:
        typer.echo(f"{written['path']}, {written['bytes']:,} bytes")
    else:
        show_report(facts)


def _write(facts: Facts, html: Path) -> dict[str, Any]:
    from comms_source.report.html.rendering import page  # noqa: PLC0415
    from comms_source.report.html.write import write_page  # noqa: PLC0415

    return {"path": str(html), "bytes": write_page(page(facts), html)}
