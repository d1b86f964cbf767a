"""`comms report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from comms_source.cli.error_handling import ending, print_json
from comms_source.cli.options import AsJson, Channels, Dataset, Destination
from comms_source.cli.output_file import check_file, write_file

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
            _check_packages()
            check_file(html, option="html")
        facts = read_facts(
            any_pipeline(destination=destination, dataset=dataset, read_only=True),
            settings=view_settings(),
            now=utc_now(),
            channels=channel or (),
            account=account,
            configured=read_accounts(needs_credentials=False),
        )
        _show(facts, html=html, as_json=as_json)


def _check_packages() -> None:
    """Check that what draws the page is installed.

    Raises:
        ModuleNotFoundError: if not.
    """
    import altair as alt  # noqa: F401, PLC0415 - an extra, and slow to import
    import jinja2  # noqa: F401, PLC0415
    import vl_convert  # noqa: F401, PLC0415


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

    return {"path": str(html), "bytes": write_file(page(facts), html, option="html")}
