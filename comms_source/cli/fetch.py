"""`comms fetch`."""

from __future__ import annotations

from typing import Annotated

import typer

import comms_source
from comms_source.cli.error_handling import ending
from comms_source.cli.options import AccountNames, Channels, Dataset, Destination
from comms_source.cli.output import print_lines


def fetch(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Ids of operations.")],
    account: AccountNames = None,
    channel: Channels = None,
    destination: Destination = None,
    dataset: Dataset = None,
) -> None:
    """Load single operations again, by their ids.

    Without --channel, each channel is asked until one has the id; without --account, each account.
    """
    with ending(loads=True):
        fetched = comms_source.fetch(
            ids, accounts=account, channels=channel, destination=destination, dataset=dataset
        )
        print_lines(f"{each}  loaded, {name}" for each, name in fetched.found.items())
        print_lines(f"{each}  unknown to the API (404)" for each in fetched.unknown)
        print_lines(f"{each}  not loaded: {why}" for each, why in fetched.failures.items())
    raise typer.Exit(fetched.exit_code)
