"""`comms views`."""

from __future__ import annotations

from typing import Annotated

import typer

import comms_source
from comms_source.cli.error_handling import ending
from comms_source.cli.options import Dataset, Destination
from comms_source.errors import ConfigurationError


def views(
    destination: Destination = None,
    dataset: Dataset = None,
    dialect: Annotated[
        str | None,
        typer.Option(
            "--print",
            metavar="DIALECT",
            help="Print the SQL for a dialect, such as duckdb or snowflake, and create nothing.",
            show_default=False,
        ),
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", metavar="", help="Print the views of details too.")
    ] = False,
) -> None:
    """Create or replace the SQL views.

    `comms load` does this too. Run it after an upgrade, or if a view was changed.
    """
    with ending():
        if details and not dialect:
            raise ConfigurationError("details: only with --print; comms load creates these views")
        if dialect is not None:
            from comms_source.commands.views import view_sql  # noqa: PLC0415 - slow to import

            for statement in view_sql(dialect, dataset=dataset, details=details):
                typer.echo(f"{statement};\n")
            return
        for name in comms_source.make_views(destination=destination, dataset=dataset):
            typer.echo(name)
