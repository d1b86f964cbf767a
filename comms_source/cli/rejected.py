"""`comms rejected`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

import comms_source
from comms_source.cli.error_handling import ending, print_json
from comms_source.cli.options import AccountNames, AsJson, Channels, Dataset, Destination
from comms_source.cli.output import print_lines
from comms_source.errors import ConfigurationError
from comms_source.timespans import SECOND, align_down, to_iso
from comms_source.words import counted

if TYPE_CHECKING:
    from comms_source.commands.rejected import RejectedRows

INDENT: Final = "    "


def rejected(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID",
            help="With --acknowledge: ids of operations, or row keys.",
            show_default=False,
        ),
    ] = None,
    acknowledge: Annotated[
        bool,
        typer.Option("--acknowledge", metavar="", help="Mark the rows with these ids as known."),
    ] = False,
    acknowledge_all: Annotated[
        bool, typer.Option("--acknowledge-all", metavar="", help="Mark all open rows as known.")
    ] = False,
    include_all: Annotated[
        bool,
        typer.Option("--all", metavar="", help="Also list rows that are resolved or acknowledged."),
    ] = False,
    account: AccountNames = None,
    channel: Channels = None,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """List the rows that could not be read, or mark them as known.

    A row is resolved once its operation was read well. Others stay open until you acknowledge them.
    """
    with ending(as_json=as_json):
        _check(ids or [], acknowledge=acknowledge, acknowledge_all=acknowledge_all)
        if acknowledge or acknowledge_all:
            found = comms_source.acknowledge(
                ids if acknowledge else None,
                accounts=account,
                channels=channel,
                destination=destination,
                dataset=dataset,
            )
        else:
            found = comms_source.rejected(
                accounts=account,
                channels=channel,
                include_all=include_all,
                destination=destination,
                dataset=dataset,
            )
        if as_json:
            print_json(found.as_dict())
        else:
            _show(found, marks=acknowledge or acknowledge_all, all_states=include_all)
    raise typer.Exit(found.exit_code)


def _check(ids: list[str], *, acknowledge: bool, acknowledge_all: bool) -> None:
    if acknowledge and acknowledge_all:
        raise ConfigurationError("acknowledge: use either --acknowledge or --acknowledge-all")
    if acknowledge and not ids:
        raise ConfigurationError(
            "acknowledge: name ids of operations or row keys, or use --acknowledge-all"
        )
    if ids and not acknowledge:
        raise ConfigurationError("id: ids go with --acknowledge, which marks their rows as known")


def _show(found: RejectedRows, *, marks: bool, all_states: bool) -> None:
    print_lines([*_lines(found), *_ending(found, marks=marks, all_states=all_states)])


def _lines(found: RejectedRows) -> Iterator[str]:
    from comms_source.report.wording import plain  # noqa: PLC0415 - not for `comms --help`

    for row in found.rows:
        at = to_iso(align_down(row.synced_at, SECOND))
        yield plain(f"{row.account}  {row.channel}  {row.subject}")
        yield plain(f"{INDENT}{row.state}, read {at}: {row.reason}")


def _ending(found: RejectedRows, *, marks: bool, all_states: bool) -> Iterator[str]:
    if marks:
        yield f"{counted(len(found.rows), 'row')} acknowledged" if found.rows else "no row is open"
    elif found.open:
        are = counted(found.open, "row is", "rows are")
        yield f"{are} open; to mark those that you know: comms rejected --acknowledge ID..."
    else:
        yield "no row is open" + ("" if all_states else "; --all lists the others")
