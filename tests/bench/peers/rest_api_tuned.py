"""Read the three lists with dlt's declarative REST source, tuned as dlt's documentation advises.

Follows the dlt pages "REST API source", "Optimizing dlt" and "Parquet file format". The differences
from `rest_api_default.py`: the lists are read in parallel threads, tables are normalized in two
processes, intermediate files rotate so that the processes can share the work, buffers are larger,
nesting is limited, and the destination gets Parquet files. (Extraction has five threads by default,
more than there are lists, so their number is not changed.) Writes a DuckDB file; the rows are
counted in its three tables.

    python rest_api_tuned.py URL USER PASSWORD FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

import dlt
import duckdb
from dlt.sources.rest_api import RESTAPIConfig, rest_api_source

LISTS = {
    "messages": "Messages/Operations",
    "emails": "Emails/Operations",
    "push_notifications": "PushNotifications/Operations",
}

DATASET = "twilio"
"""Not the name of the file: DuckDB names the database after its file, and names would be
ambiguous."""

SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "WARNING",
    "NORMALIZE__WORKERS": "2",
    "SOURCES__DATA_WRITER__BUFFER_MAX_ITEMS": "20000",
    "SOURCES__DATA_WRITER__FILE_MAX_ITEMS": "100000",
    "NORMALIZE__DATA_WRITER__BUFFER_MAX_ITEMS": "20000",
    "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "100000",
}
"""Environment variables, because the processes that normalize inherit them."""


def configuration(url: str, user: str, password: str) -> RESTAPIConfig:
    """Describe the API: one client, three lists, what they share written once."""
    return {
        "client": {
            "base_url": url,
            "auth": {"type": "http_basic", "username": user, "password": password},
            "paginator": {
                "type": "cursor",
                "cursor_path": "pagination.next",
                "cursor_param": "pageToken",
            },
        },
        "resource_defaults": {
            "primary_key": "id",
            "write_disposition": "merge",
            "parallelized": True,
            "endpoint": {"params": {"pageSize": 1000}, "data_selector": "operations"},
        },
        "resources": [{"name": name, "endpoint": {"path": path}} for name, path in LISTS.items()],
    }


def main(url: str, user: str, password: str, folder: str) -> None:
    """Load the three lists below `folder` and print what was written."""
    os.environ.update(SETTINGS)
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    file = home / "operations.duckdb"

    pipeline = dlt.pipeline(
        pipeline_name="rest_api_tuned",
        pipelines_dir=str(home / "pipelines"),
        destination=dlt.destinations.duckdb(str(file)),
        dataset_name=DATASET,
    )
    pipeline.run(
        rest_api_source(configuration(url, user, password), max_table_nesting=1),
        loader_file_format="parquet",
    )

    with duckdb.connect(file, read_only=True) as database:
        rows = sum(database.table(f"{DATASET}.{name}").shape[0] for name in LISTS)
    print(  # noqa: T201
        json.dumps(
            {
                "rows": rows,
                "versions": {name: version(name) for name in ("dlt", "duckdb", "pyarrow")},
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:5])
