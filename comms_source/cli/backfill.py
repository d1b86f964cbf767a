"""`comms backfill`."""

from __future__ import annotations

from typing import Annotated

import typer

import comms_source
from comms_source.cli.dates import WITHOUT_ZONE, Given, parse_given
from comms_source.cli.error_handling import ending
from comms_source.cli.options import AccountNames, AsJson, Channels, Dataset, Destination
from comms_source.cli.output import show_summary
from comms_source.cli.per_account import run_each
from comms_source.cli.progress import watching
from comms_source.errors import ConfigurationError
from comms_source.timespans import to_iso, utc_now


def backfill(
    since: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Where the range begins: yesterday, '3 days ago', 2026-11-25 or "
            "2026-11-25T10:00. It is in UTC, unless it has a time zone, such as "
            "2026-11-25T10:00+01:00.",
        ),
    ],
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Where it ends, written in the same way; this very instant is left out.",
            show_default="now",
        ),
    ] = None,
    account: AccountNames = None,
    channel: Channels = None,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Load what was sent in a range of time, one day at a time.

    Each day is stored by itself; after an interruption, the same command continues where it
    stopped. Of what is older than seven days, the API returns only a part, and does not say so:
    that part is loaded, but does not count as complete.
    """
    with ending(as_json=as_json, loads=True):
        start = _given("since", since)
        end = None if until is None else _given("until", until)
        _say_what_utc_means(start, end)

        def act(name: str) -> comms_source.RunSummary:
            with watching() as watch:
                return comms_source.backfill(
                    start.instant,
                    end and end.instant,
                    account=name,
                    channels=channel,
                    destination=destination,
                    dataset=dataset,
                    watch=watch,
                )

        code = run_each(act, show_summary, names=account, channels=channel, as_json=as_json)
    raise typer.Exit(code)


def _given(option: str, text: str) -> Given:
    try:
        return parse_given(text, now=utc_now())
    except ValueError as error:
        raise ConfigurationError(f"{option}: {error}") from None


def _say_what_utc_means(start: Given, end: Given | None) -> None:
    if start.has_zone and (end is None or end.has_zone):
        return
    until = "now" if end is None else to_iso(end.instant)
    typer.echo(f"comms: reading from {to_iso(start.instant)} to {until}; {WITHOUT_ZONE}", err=True)
