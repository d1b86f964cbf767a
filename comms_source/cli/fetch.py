"""`comms fetch`."""

from __future__ import annotations

from typing import Annotated

import typer

from comms_source.cli.error_handling import ending
from comms_source.cli.options import AccountNames, Channels, Dataset, Destination


def fetch(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of operations.")],
    account: AccountNames = None,
    channel: Channels = None,
    destination: Destination = None,
    dataset: Dataset = None,
) -> None:
    """Refresh single operations by id.

    Without --channel, each channel is asked until one has the id; without --account, each account.
    """
    with ending():
        from comms_source.commands.fetch import fetch_anywhere  # noqa: PLC0415
        from comms_source.config.accounts import read_accounts  # noqa: PLC0415 - dlt is slow to import
        from comms_source.destinations.pipeline import open_pipeline  # noqa: PLC0415

        accounts = read_accounts(names=account, channels=channel)
        fetched = fetch_anywhere(
            accounts=accounts.selected,
            pipeline=open_pipeline(destination=destination, dataset=dataset),
            ids=ids,
        )
        for operation_id, name in fetched.found.items():
            typer.echo(f"{operation_id}  loaded, {name}")
        for operation_id in fetched.unknown:
            typer.echo(f"{operation_id}  unknown to the API (404)")
        for operation_id, reason in fetched.failures.items():
            typer.echo(f"{operation_id}  not loaded: {reason}")
    raise typer.Exit(fetched.exit_code)
