"""`comms status`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import comms_source
from comms_source.cli.error_handling import ending
from comms_source.cli.options import AccountNames, AsJson, Channels, Dataset, Destination
from comms_source.cli.output import show_status
from comms_source.cli.output_file import check_file, write_file
from comms_source.cli.per_account import run_each
from comms_source.errors import ConfigurationError

if TYPE_CHECKING:
    from comms_source.commands.status import Status


def status(
    account: AccountNames = None,
    channel: Channels = None,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
    openmetrics: Annotated[
        bool,
        typer.Option("--openmetrics", metavar="", help="Print the result as metrics."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the metrics to this file, whole or not at all.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show what is fresh, what is missing, and by when to load again.

    --openmetrics needs one more package; if it is missing, it says how to install it.
    """
    found: list[Status] = []
    with ending(as_json=as_json):
        if openmetrics:
            _check(output, as_json=as_json)
        elif output:
            raise ConfigurationError("output: it is for metrics; add --openmetrics")
        code = run_each(
            lambda name: comms_source.status(
                name, channels=channel, destination=destination, dataset=dataset
            ),
            found.append if openmetrics else show_status,
            names=account,
            channels=channel,
            as_json=as_json,
            headings=not openmetrics,
        )
        if found:
            _write(found, output, accounts=account, channels=channel)
    raise typer.Exit(code)


def _check(output: Path | None, *, as_json: bool) -> None:
    """Check that metrics can be written, before anything is read.

    Raises:
        ConfigurationError: if JSON is asked for too, or the file cannot be created.
        ModuleNotFoundError: if the package of the extra `metrics` is not installed.
    """
    import prometheus_client  # noqa: F401, PLC0415 - an extra

    if as_json:
        raise ConfigurationError("json: choose one of --json and --openmetrics")
    if output:
        check_file(output, option="output")


def _write(
    found: list[Status],
    output: Path | None,
    *,
    accounts: list[str] | None,
    channels: list[str] | None,
) -> None:
    """Write the metrics of the accounts whose status is known, and name the other accounts."""
    from comms_source.commands.status_metrics import as_metrics  # noqa: PLC0415 - an extra
    from comms_source.config.accounts import account_names, list_accounts  # noqa: PLC0415 - slow

    known = {status.account for status in found}
    named = list_accounts(accounts, channels=channels) if account_names() else []
    text = as_metrics(found, unknown=[name for name in named if name not in known])
    if output:
        write_file(text, output, option="output")
    else:
        typer.echo(text, nl=False)
