"""`comms plan`."""

from __future__ import annotations

import typer

import comms_source
from comms_source.cli.error_handling import ending
from comms_source.cli.options import AccountNames, AsJson, Channels, Dataset, Destination, Full
from comms_source.cli.output import show_plan
from comms_source.cli.per_account import run_each


def plan(
    account: AccountNames = None,
    channel: Channels = None,
    full: Full = False,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Show what the next load would request, and why."""
    with ending(as_json=as_json):
        code = run_each(
            lambda name: comms_source.plan(
                name, channels=channel, full=full, destination=destination, dataset=dataset
            ),
            show_plan,
            names=account,
            channels=channel,
            as_json=as_json,
        )
    raise typer.Exit(code)
