"""`comms fetch`."""

from __future__ import annotations

from typing import Annotated

import typer

import comms_source
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

    Without --channel, the channels are tried until one has the id; without --account, the accounts.
    """
    with ending():
        fetched = comms_source.fetch(
            ids, accounts=account, channels=channel, destination=destination, dataset=dataset
        )
        for operation_id, name in fetched.found.items():
            typer.echo(f"{operation_id}  loaded, {name}")
        for operation_id in fetched.unknown:
            typer.echo(f"{operation_id}  unknown to the API (404)")
        for operation_id, reason in fetched.failures.items():
            typer.echo(f"{operation_id}  not loaded: {reason}")
    raise typer.Exit(fetched.exit_code)
