"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from comms_source.channels import CHANNELS

Channels = Annotated[
    list[str] | None,
    typer.Option(
        "--channel",
        help=f"Only this channel; may be repeated. One of {', '.join(CHANNELS)}.",
        show_default=False,
    ),
]
Destination = Annotated[
    str | None,
    typer.Option(help="A dlt destination, such as duckdb or postgres.", show_default="duckdb"),
]
Dataset = Annotated[str | None, typer.Option(help="The schema to load into.", show_default="comms")]
Full = Annotated[
    bool, typer.Option("--full", help="Read all that the API answers for, whatever is due.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]


def given(**values: Any) -> dict[str, Any]:
    """The values that were given: those that are neither None nor empty."""
    return {name: value for name, value in values.items() if value}
