"""`comms views`."""

from __future__ import annotations

import typer

from comms_source.cli.error_handling import ending
from comms_source.cli.options import Dataset, Destination


def views(destination: Destination = None, dataset: Dataset = None) -> None:
    """Make the SQL views, or make them again.

    `comms load` does this too; on its own it serves after an upgrade, or where a view was changed.
    """
    with ending():
        from comms_source.commands.views import run_views  # noqa: PLC0415 - dlt is slow to import
        from comms_source.destinations.pipeline import open_pipeline  # noqa: PLC0415

        pipeline = open_pipeline(destination=destination, dataset=dataset)
        for name in run_views(pipeline):
            typer.echo(f"{pipeline.dataset_name}.{name}")
