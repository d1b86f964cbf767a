"""Run by a test: parse DAG files as Airflow does, refuse sockets, and print what was used."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from airflow.dag_processing.dagbag import DagBag

SOCKETS: Final = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind")

sockets: list[str] = []
opened: list[str] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Record the sockets, which are refused, and the settings that are opened."""
    if event in SOCKETS:
        sockets.append(f"{event} {arguments}")
        raise PermissionError("parsing a DAG file must open no connection")
    if event == "open" and ".dlt" in str(arguments[0]):
        opened.append(str(arguments[0]))


def main(folder: str) -> None:
    """Parse the files of a folder, and print as JSON what happened."""
    sys.addaudithook(watch)
    bag = DagBag(folder)
    found = {
        "errors": bag.import_errors,
        "sockets": sockets,
        "opened": opened,
        "modules": sorted(sys.modules),
        "dags": {
            dag.dag_id: [dag.schedule, dag.catchup, dag.max_active_runs]
            for dag in bag.dags.values()
        },
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
