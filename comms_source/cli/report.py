"""`comms report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from comms_source.cli.error_handling import ending, print_json
from comms_source.cli.options import AsJson, Channels, Dataset, Destination
from comms_source.cli.page_file import check_page, write_page

if TYPE_CHECKING:
    from comms_source.report.data.facts import Facts


def report(
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write one web page with charts to this file.",
            show_default=False,
        ),
    ] = None,
    channel: Channels = None,
    account: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this account.", show_default="all")
    ] = None,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Show today, yesterday and seven days, and what is wrong.

    It also shows how final the figures are. It reads the views, and does not call the API.
    --html needs some more packages; if they are missing, it says how to install them.
    """
    with ending(as_json=as_json):
        from comms_source.commands.views import any_pipeline  # noqa: PLC0415
        from comms_source.config.accounts import read_accounts  # noqa: PLC0415
        from comms_source.report.data.read import read_facts  # noqa: PLC0415 - dlt is slow to import
        from comms_source.timespans import utc_now  # noqa: PLC0415
        from comms_source.views.settings import view_settings  # noqa: PLC0415

        if html:
            check_page(html)
        facts = read_facts(
            any_pipeline(destination=destination, dataset=dataset, read_only=True),
            settings=view_settings(),
            now=utc_now(),
            channels=channel or (),
            account=account,
            configured=read_accounts(needs_credentials=False),
        )
        _show(facts, html=html, as_json=as_json)


def _show(facts: Facts, *, html: Path | None, as_json: bool) -> None:
    from comms_source.report.as_json import as_dict  # noqa: PLC0415
    from comms_source.report.terminal import show_report  # noqa: PLC0415

    written = {"path": str(html), "bytes": write_page(facts, html)} if html else None
    if as_json:
        print_json(as_dict(facts) | ({"page": written} if written else {}))
    elif written:
        typer.echo(f"{written['path']}, {written['bytes']:,} bytes")
    else:
        show_report(facts)
