"""Read the three lists with dlt's declarative REST source, as its documentation shows it.

Follows the dlt pages "REST API source" (configuration, cursor paginator) and "DuckDB". Nothing is
tuned. Writes a DuckDB file; the rows are counted in its three tables.

    python rest_api_default.py URL USER PASSWORD FOLDER
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
            "endpoint": {"params": {"pageSize": 1000}, "data_selector": "operations"},
        },
        "resources": [{"name": name, "endpoint": {"path": path}} for name, path in LISTS.items()],
    }


def main(url: str, user: str, password: str, folder: str) -> None:
    """Load the three lists below `folder` and print what was written."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    file = home / "operations.duckdb"

    pipeline = dlt.pipeline(
        pipeline_name="rest_api_default",
        pipelines_dir=str(home / "pipelines"),
        destination=dlt.destinations.duckdb(str(file)),
        dataset_name=DATASET,
    )
    pipeline.run(rest_api_source(configuration(url, user, password)))

    with duckdb.connect(file, read_only=True) as database:
        rows = sum(database.table(f"{DATASET}.{name}").shape[0] for name in LISTS)
    print(  # noqa: T201
        json.dumps(
            {
                "rows": rows,
                "versions": {name: version(name) for name in ("dlt", "duckdb")},
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:5])
