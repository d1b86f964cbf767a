"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from comms_source.channels import CHANNELS

Channels = Annotated[
    list[str] | None,
    typer.Option(
        "--channel",
        metavar="NAME",
        help=f"Only this channel; may be repeated. One of {', '.join(CHANNELS)}.",
        show_default=False,
    ),
]
AccountNames = Annotated[
    list[str] | None,
    typer.Option(
        "--account",
        metavar="NAME",
        help="Only this account, if there are several; may be repeated.",
        show_default="all",
    ),
]
Destination = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="A dlt destination, such as duckdb or postgres.",
        show_default="duckdb",
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The schema of the tables.", show_default="comms"),
]
Full = Annotated[
    bool, typer.Option("--full", metavar="", help="Read everything that the API still has.")
]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print the result as JSON.")]
