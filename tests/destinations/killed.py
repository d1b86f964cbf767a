"""Load as `comms load` does, and kill the process after a load job, before it is recorded.

It is the job that loads the states of messages into the staging table, which must not happen twice;
in a lake, which has no staging tables, the job that merges them.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from dlt.common.storages.load_package import PackageStorage

from comms_source.commands.load import run_load
from comms_source.config.credentials import BasicCredentials
from comms_source.config.settings import Settings
from comms_source.destinations.pipeline import open_pipeline
from comms_source.extract.session import Session
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN
from comms_source.timespans import parse_instant
from tests.destinations.places import PLACES

TABLE = "message_operation_history."


def main(name: str, url: str, now: str) -> None:
    """Load from the sandbox at `url` into a place at the instant `now`."""
    place = PLACES[name]
    record = PackageStorage.save_pending_transition
    suffix = ".reference" if place.is_lake else ""

    def record_or_die(storage: Any, load_id: str, file_name: str, *state: Any) -> None:
        if file_name.startswith(TABLE) and file_name.endswith(suffix):
            os.kill(os.getpid(), signal.SIGKILL)
        record(storage, load_id, file_name, *state)

    PackageStorage.save_pending_transition = record_or_die  # type: ignore[method-assign,assignment]
    credentials = BasicCredentials(ACCOUNT_ID, AUTH_TOKEN)
    settings = Settings(credentials=credentials, base_url=url, refresh="full")
    session = Session(settings=settings, clock=lambda: parse_instant(now))
    with place.adapted():
        run_load(session=session, pipeline=open_pipeline(destination=place.destination))


if __name__ == "__main__":
    main(*sys.argv[1:])
