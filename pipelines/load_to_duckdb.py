"""Load everything that the API knows into a DuckDB file, as a script to copy and to change.

    python pipelines/load_to_duckdb.py

From cron, `comms load` does the same and more: it loads what can be read even where something
failed, makes the views, and tells by its exit code how it went.
"""

from __future__ import annotations

import dlt

from comms_source import comms_source


def load() -> None:
    """Load all channels; raises if any part of them could not be read."""
    pipeline = dlt.pipeline(
        pipeline_name="twilio_comms", destination="duckdb", dataset_name="comms"
    )
    print(pipeline.run(comms_source()))  # noqa: T201 - a script prints


if __name__ == "__main__":
    load()
