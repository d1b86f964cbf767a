"""`comms load`."""

from __future__ import annotations

import sys
from operator import attrgetter

import typer

from comms_source.cli.error_handling import ending
from comms_source.cli.options import AccountNames, AsJson, Channels, Dataset, Destination, Full


def load(
    account: AccountNames = None,
    channel: Channels = None,
    full: Full = False,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Load what is new or may have changed, and make the views.

    Credentials come from TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, from TWILIO_API_KEY and
    TWILIO_API_KEY_SECRET, or from .dlt/secrets.toml. Running it again is harmless.
    """
    with ending(as_json=as_json):
        from comms_source.cli.output import show_figures, show_summary  # noqa: PLC0415
        from comms_source.cli.per_account import Command, run_each  # noqa: PLC0415
        from comms_source.cli.progress import watching  # noqa: PLC0415
        from comms_source.commands.load import run_load  # noqa: PLC0415
        from comms_source.commands.summary import RunSummary  # noqa: PLC0415
        from comms_source.config.accounts import read_accounts  # noqa: PLC0415 - dlt is slow to import
        from comms_source.config.settings import Settings  # noqa: PLC0415
        from comms_source.destinations.pipeline import open_pipeline  # noqa: PLC0415
        from comms_source.extract.session import Session  # noqa: PLC0415

        refresh = "full" if full else None
        accounts = read_accounts(names=account, channels=channel, refresh=refresh)
        pipeline = open_pipeline(destination=destination, dataset=dataset)

        def act(settings: Settings) -> RunSummary:
            session = Session(settings=settings)
            with watching(session.journal):
                return run_load(session=session, pipeline=pipeline)

        command = Command(
            act=act, show=show_summary, as_dict=RunSummary.as_dict, code=attrgetter("exit_code")
        )
        code = run_each(command, accounts, as_json=as_json)
        if sys.stdout.isatty() and not as_json:
            # Nobody looks at a scheduled run, and a large warehouse takes its time for them.
            show_figures(pipeline)
    raise typer.Exit(code)
