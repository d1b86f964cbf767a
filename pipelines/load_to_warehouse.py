"""Load everything that the API has into a warehouse: a script to copy and to change.

    DESTINATION__POSTGRES__CREDENTIALS=postgresql://... python pipelines/load_to_warehouse.py

It is an ordinary dlt pipeline with a dataset and a schedule of yours, for one account. With this
name `comms status` finds it. Change DESTINATION to another destination of dlt's;
docs/destinations.md and docs/warehouses.md have a configuration for each. `comms load --destination
postgres` does the same and more: it commits in parts, follows operations that leave the API's
lists, and returns an exit code.
"""

from __future__ import annotations

import dlt

from comms_source import comms_source, make_views

DESTINATION = "postgres"
DATASET = "comms"


def load() -> None:
    """Load what can be read, make the views over it, and print what dlt did."""
    pipeline = dlt.pipeline("twilio_comms", destination=DESTINATION, dataset_name=DATASET)
    print(pipeline.run(comms_source(on_error="continue")))  # noqa: T201 - a script may print
    print("views:", *make_views(destination=DESTINATION, dataset=DATASET))  # noqa: T201


if __name__ == "__main__":
    load()
