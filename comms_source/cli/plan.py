"""`comms plan`."""

from __future__ import annotations

import typer

from comms_source.cli.error_handling import ending
from comms_source.cli.options import AccountNames, AsJson, Channels, Dataset, Destination, Full
from comms_source.exit_codes import COMPLETE


def plan(
    account: AccountNames = None,
    channel: Channels = None,
    full: Full = False,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Show what the next load would ask for and why, without asking."""
    with ending(as_json=as_json):
        from comms_source.cli.output import show_plan  # noqa: PLC0415
        from comms_source.cli.per_account import Command, run_each  # noqa: PLC0415
        from comms_source.commands.plan import ChannelPlan, plan_load  # noqa: PLC0415
        from comms_source.config.accounts import read_accounts  # noqa: PLC0415 - dlt is slow to import
        from comms_source.config.settings import Settings  # noqa: PLC0415
        from comms_source.destinations.pipeline import open_pipeline  # noqa: PLC0415
        from comms_source.timespans import utc_now  # noqa: PLC0415

        refresh = "full" if full else None
        accounts = read_accounts(names=account, channels=channel, refresh=refresh)
        pipeline = open_pipeline(destination=destination, dataset=dataset)

        def act(settings: Settings) -> list[ChannelPlan]:
            return plan_load(settings=settings, pipeline=pipeline, now=utc_now())

        command = Command(
            act=act,
            show=show_plan,
            as_dict=lambda plans: {plan.channel: plan.as_dict() for plan in plans},
            code=lambda _: COMPLETE,
        )
        code = run_each(command, accounts, as_json=as_json)
    raise typer.Exit(code)
