"""Load everything that the API knows into a warehouse, as a script to copy and to change.

    DESTINATION__POSTGRES__CREDENTIALS=postgresql://... python pipelines/load_to_warehouse.py

It is a dlt pipeline like any other, with a dataset and a schedule of yours; with this name, `comms
status` knows it. Change DESTINATION to another of dlt's; docs/destinations.md and
docs/warehouses.md have a configuration for each. `comms load --destination postgres` does the same
and more: it commits in parts, follows operations that leave the API's lists, and tells by its exit
code how it went.
"""

from __future__ import annotations

import dlt

from comms_source import comms_source
from comms_source.commands.views import run_views

DESTINATION = "postgres"


def load() -> None:
    """Load what can be read, make the views over it, and print what dlt did."""
    pipeline = dlt.pipeline("twilio_comms", destination=DESTINATION, dataset_name="comms")
    print(pipeline.run(comms_source(on_error="continue")))  # noqa: T201 - for whoever runs it
    print("views:", *run_views(pipeline))  # noqa: T201


if __name__ == "__main__":
    load()
