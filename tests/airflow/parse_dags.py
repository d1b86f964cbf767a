"""Run by a test: read DAG files as Airflow does, refuse sockets, and print what was touched."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from airflow.dag_processing.dagbag import DagBag

SOCKETS: Final = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind")

sockets: list[str] = []
opened: list[str] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note settings that are opened, and sockets, which are refused."""
    if event in SOCKETS:
        sockets.append(f"{event} {arguments}")
        raise PermissionError("reading a DAG file must not ask anybody for anything")
    if event == "open" and ".dlt" in str(arguments[0]):
        opened.append(str(arguments[0]))


def main(folder: str) -> None:
    """Read the files of a folder, and print as JSON what happened."""
    sys.addaudithook(watch)
    bag = DagBag(folder)
    told = {
        "errors": bag.import_errors,
        "sockets": sockets,
        "opened": opened,
        "modules": sorted(sys.modules),
        "dags": {
            dag.dag_id: [dag.schedule, dag.catchup, dag.max_active_runs]
            for dag in bag.dags.values()
        },
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
