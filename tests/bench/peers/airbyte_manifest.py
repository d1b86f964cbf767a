"""Read the three lists with an Airbyte low-code manifest, run by the Airbyte CDK.

The manifest `airbyte_manifest.yaml` follows Airbyte's pages "Understanding the YAML file"
(requester, authentication, record selector, pagination). The script does what the CDK's own
`source-declarative-manifest` command does for `read`. It writes Airbyte messages, one per line,
into `airbyte.jsonl`, as a source does. No destination is included, so no database is loaded. The
rows are the RECORD messages in that file.

The sync is a full refresh: the lists are read completely, so the manifest needs no cursor.

    python airbyte_manifest.py URL USER PASSWORD FOLDER
"""
# mypy: ignore-errors

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

import yaml
from airbyte_cdk.entrypoint import launch
from airbyte_cdk.sources.declarative.concurrent_declarative_source import (
    ConcurrentDeclarativeSource,
)

MANIFEST = Path(__file__).with_suffix(".yaml")


def main(url: str, user: str, password: str, folder: str) -> None:
    """Write the source's messages below `folder` and print how many records they hold."""
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    messages = home / "airbyte.jsonl"
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))

    config = home / "config.json"
    config.write_text(
        json.dumps({"url": url, "username": user, "password": password}), encoding="utf-8"
    )
    catalog = home / "configured_catalog.json"
    catalog.write_text(
        json.dumps(
            {
                "streams": [
                    {
                        "stream": {
                            "name": stream["name"],
                            "json_schema": {"type": "object"},
                            "supported_sync_modes": ["full_refresh"],
                            "source_defined_primary_key": [["id"]],
                        },
                        "sync_mode": "full_refresh",
                        "destination_sync_mode": "overwrite",
                    }
                    for stream in manifest["streams"]
                ]
            }
        ),
        encoding="utf-8",
    )

    source = ConcurrentDeclarativeSource(
        catalog=ConcurrentDeclarativeSource.read_catalog(str(catalog)),
        config=ConcurrentDeclarativeSource.read_config(str(config)),
        state=[],
        source_config=manifest,
        config_path=str(config),
    )

    # The CDK keeps a reference to the standard output, so the file descriptor is redirected.
    sys.stdout.flush()
    terminal = os.dup(1)
    with messages.open("wb") as file:
        os.dup2(file.fileno(), 1)
        try:
            launch(source, ["read", "--config", str(config), "--catalog", str(catalog)])
        finally:
            sys.stdout.flush()
            os.dup2(terminal, 1)
            os.close(terminal)

    with messages.open(encoding="utf-8") as file:
        rows = sum(line.startswith('{"type":"RECORD"') for line in file)
    print(  # noqa: T201
        json.dumps({"rows": rows, "versions": {"airbyte-cdk": version("airbyte-cdk")}})
    )


if __name__ == "__main__":
    main(*sys.argv[1:5])
