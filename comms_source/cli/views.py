"""`comms views`."""

from __future__ import annotations

import typer

import comms_source
from comms_source.cli.error_handling import ending
from comms_source.cli.options import Dataset, Destination


def views(destination: Destination = None, dataset: Dataset = None) -> None:
    """Create or replace the SQL views.

    `comms load` does this too. Run it after an upgrade, or if a view was changed.
    """
    with ending():
        for name in comms_source.make_views(destination=destination, dataset=dataset):
            typer.echo(name)
