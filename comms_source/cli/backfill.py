"""`comms backfill`."""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated

import typer

from comms_source.cli.error_handling import ending
from comms_source.cli.options import AccountNames, AsJson, Channels, Dataset, Destination


def backfill(
    since: Annotated[str, typer.Option(help="From then on, such as 2026-11-01 or an ISO time.")],
    until: Annotated[str | None, typer.Option(help="Before then.", show_default="now")] = None,
    account: AccountNames = None,
    channel: Channels = None,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Read a range of creation time, a day at a time.

    Each part is committed by itself; after an interruption, the same command goes on where it
    stopped. What the API has begun to forget may come back incomplete, and never counts as read.
    """
    with ending(as_json=as_json):
        from comms_source.cli.output import show_summary  # noqa: PLC0415
        from comms_source.cli.per_account import Command, run_each  # noqa: PLC0415
        from comms_source.cli.progress import watching  # noqa: PLC0415
        from comms_source.commands.backfill import run_backfill  # noqa: PLC0415
        from comms_source.commands.summary import RunSummary  # noqa: PLC0415
        from comms_source.config.accounts import read_accounts  # noqa: PLC0415 - dlt is slow to import
        from comms_source.config.resolve import parse_date  # noqa: PLC0415
        from comms_source.config.settings import Settings  # noqa: PLC0415
        from comms_source.destinations.pipeline import open_pipeline  # noqa: PLC0415
        from comms_source.extract.session import Session  # noqa: PLC0415
        from comms_source.timespans import to_iso  # noqa: PLC0415

        accounts = read_accounts(names=account, channels=channel)
        start = parse_date("since", since)
        end = None if until is None else parse_date("until", until)
        pipeline = open_pipeline(destination=destination, dataset=dataset)

        def act(settings: Settings) -> RunSummary:
            session = Session(settings=settings)
            horizon = session.now - settings.retention
            if start < horizon:
                typer.echo(
                    f"comms: before {to_iso(horizon)} the API answers incompletely, without a "
                    "word; what it still shows is loaded, and nothing there counts as read",
                    err=True,
                )
            with watching(session.journal):
                return run_backfill(session=session, pipeline=pipeline, since=start, until=end)

        command = Command(
            act=act, show=show_summary, as_dict=RunSummary.as_dict, code=attrgetter("exit_code")
        )
        code = run_each(command, accounts, as_json=as_json)
    raise typer.Exit(code)
