"""`comms load`."""

from __future__ import annotations

import sys

import typer

import comms_source
from comms_source.cli.error_handling import ending
from comms_source.cli.options import AccountNames, AsJson, Channels, Dataset, Destination, Full
from comms_source.cli.output import show_figures, show_summary
from comms_source.cli.per_account import run_each
from comms_source.cli.progress import watching


def load(
    account: AccountNames = None,
    channel: Channels = None,
    full: Full = False,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Load what is new or may have changed, and create the views.

    Credentials come from TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, from TWILIO_API_KEY and
    TWILIO_API_KEY_SECRET, or from .dlt/secrets.toml, which may also hold those of an OAuth app.
    Running it again is harmless.
    """
    with ending(as_json=as_json, loads=True):

        def act(name: str) -> comms_source.RunSummary:
            with watching() as watch:
                return comms_source.load(
                    name,
                    channels=channel,
                    full=full,
                    destination=destination,
                    dataset=dataset,
                    watch=watch,
                )

        code = run_each(act, show_summary, names=account, channels=channel, as_json=as_json)
        if sys.stdout.isatty() and not as_json:
            # Not for scheduled runs: the query is slow in a large warehouse.
            show_figures(destination=destination, dataset=dataset)
    raise typer.Exit(code)
