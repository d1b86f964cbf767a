"""`comms status`."""

from __future__ import annotations

import typer

import comms_source
from comms_source.cli.error_handling import ending
from comms_source.cli.options import AccountNames, AsJson, Channels, Dataset, Destination
from comms_source.cli.output import show_status
from comms_source.cli.per_account import run_each


def status(
    account: AccountNames = None,
    channel: Channels = None,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Show what is fresh, what is missing, and by when to load again."""
    with ending(as_json=as_json):
        code = run_each(
            lambda name: comms_source.status(
                name, channels=channel, destination=destination, dataset=dataset
            ),
            show_status,
            names=account,
            channels=channel,
            as_json=as_json,
        )
    raise typer.Exit(code)
