"""Load with details as `comms load` does, and kill the process at a given place."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Final

import dlt
from dlt.common.storages.load_package import PackageStorage

from comms_source.commands import run
from comms_source.commands.load import run_load
from comms_source.config.credentials import BasicCredentials
from comms_source.config.settings import Settings
from comms_source.coverage.details import KINDS
from comms_source.destinations.pipeline import open_pipeline
from comms_source.extract.session import Session
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN
from comms_source.timespans import parse_instant

CHANNELS: Final = ("messages", "emails")


def die(*_: object, **__: object) -> None:
    """End this process as a failure of the machine would."""
    os.kill(os.getpid(), signal.SIGKILL)


def before_details() -> None:
    """When the operations are committed, and nothing of their details is read."""
    run.details_work = die  # type: ignore[attr-defined,assignment]


def before_the_load() -> None:
    """When the details are extracted and normalized."""
    load, loads = dlt.Pipeline.load, iter([False, True])

    def load_or_die(pipeline: Any, *arguments: Any, **options: Any) -> Any:
        if next(loads):
            die()
        return load(pipeline, *arguments, **options)

    dlt.Pipeline.load = load_or_die  # type: ignore[method-assign,assignment]


def during_the_load() -> None:
    """When the rows of emails are in the destination, and that is not recorded yet."""
    record = PackageStorage.save_pending_transition

    def record_or_die(storage: Any, load_id: str, file_name: str, *state: Any) -> None:
        if file_name.startswith("emails."):
            die()
        record(storage, load_id, file_name, *state)

    PackageStorage.save_pending_transition = record_or_die  # type: ignore[method-assign,assignment]


PLACES: Final = {each.__name__: each for each in (before_details, before_the_load, during_the_load)}


def main(place: str, url: str, now: str) -> None:
    """Load from the sandbox at `url` at the instant `now`, and die at a place."""
    PLACES[place]()
    settings = Settings(
        credentials=BasicCredentials(ACCOUNT_ID, AUTH_TOKEN),
        base_url=url,
        channels=CHANNELS,
        details=KINDS,
    )
    run_load(
        session=Session(settings=settings, clock=lambda: parse_instant(now)),
        pipeline=open_pipeline(),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
