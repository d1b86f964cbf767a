"""`comms backfill`."""

from __future__ import annotations

from typing import Annotated

import typer

import comms_source
from comms_source.cli.error_handling import ending
from comms_source.cli.options import AccountNames, AsJson, Channels, Dataset, Destination
from comms_source.cli.output import show_summary
from comms_source.cli.per_account import run_each
from comms_source.cli.progress import watching


def backfill(
    since: Annotated[
        str, typer.Option(help="Start of the range, such as 2026-11-01 or an ISO 8601 time.")
    ],
    until: Annotated[
        str | None, typer.Option(help="End of the range, exclusive.", show_default="now")
    ] = None,
    account: AccountNames = None,
    channel: Channels = None,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Read a range of creation time, one day at a time.

    Each day is committed separately; after an interruption, the same command continues where it
    stopped. For ranges before its retention the API returns incomplete data without an error: that
    is loaded, but not marked as covered.
    """
    with ending(as_json=as_json):

        def act(name: str) -> comms_source.RunSummary:
            with watching() as watch:
                return comms_source.backfill(
                    since,
                    until,
                    account=name,
                    channels=channel,
                    destination=destination,
                    dataset=dataset,
                    watch=watch,
                )

        code = run_each(act, show_summary, names=account, channels=channel, as_json=as_json)
    raise typer.Exit(code)
