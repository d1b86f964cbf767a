"""`comms status`."""

from __future__ import annotations

import typer

from comms_source.cli.error_handling import ending
from comms_source.cli.options import AccountNames, AsJson, Channels, Dataset, Destination
from comms_source.exit_codes import COMPLETE


def status(
    account: AccountNames = None,
    channel: Channels = None,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Show what is fresh, what is missing, and by when to run again to lose nothing."""
    with ending(as_json=as_json):
        from comms_source.cli.output import show_status  # noqa: PLC0415
        from comms_source.cli.per_account import Command, run_each  # noqa: PLC0415
        from comms_source.commands.status import Status, read_status  # noqa: PLC0415
        from comms_source.config.accounts import read_accounts  # noqa: PLC0415 - dlt is slow to import
        from comms_source.config.settings import Settings  # noqa: PLC0415
        from comms_source.destinations.pipeline import open_pipeline  # noqa: PLC0415
        from comms_source.timespans import utc_now  # noqa: PLC0415

        accounts = read_accounts(names=account, channels=channel)
        pipeline = open_pipeline(destination=destination, dataset=dataset)

        def act(settings: Settings) -> Status:
            return read_status(settings=settings, pipeline=pipeline, now=utc_now())

        command = Command(
            act=act, show=show_status, as_dict=Status.as_dict, code=lambda _: COMPLETE
        )
        code = run_each(command, accounts, as_json=as_json)
    raise typer.Exit(code)
