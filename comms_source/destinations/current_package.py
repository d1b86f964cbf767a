"""The dlt load package that is being extracted: its id, its date, and the state it is based on."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import dlt
import pendulum

from comms_source.destinations.destination_state import BASED_ON
from comms_source.destinations.dlt_internals import (
    commit_load_package_state,
    current_package,
    last_extracted,
)
from comms_source.tables.history import package_date
from comms_source.timespans import parse_instant, to_iso

DATED: Final = "dated"
"""The key, in the source's state, of the last load package and its date."""


def current_load_id() -> str:
    """The id of the current load package; empty if a resource is read without a pipeline."""
    package = current_package()
    return package["load_id"] if package else ""


def date_package(read_by: datetime, *, brings: bool = True, remembers: bool = True) -> None:
    """Date the load package by the end of its read, which becomes `valid_from` in histories.

    dlt dates it by its beginning, when nothing had been read yet. A package is dated after the
    previous one even if the clock was set back, so that no state ends before it begins.

    Args:
        read_by: When the rows of the package had been read.
        brings: Whether it contains states. If not, perhaps no response has shown that the clock is
            ahead, so later packages need not be dated after it.
        remembers: Whether the package stores a state.
    """
    package = current_package()
    if package is None:
        return  # Read without a pipeline.
    state, load_id = dlt.current.source_state(), package["load_id"]
    before, date = state.get(DATED, (load_id, to_iso(read_by)))
    read_by = package_date(read_by, last=parse_instant(date), is_same=before == load_id)
    if remembers and brings:
        state[DATED] = (load_id, to_iso(read_by))
    if remembers:
        note_base()
    package["state"]["created_at"] = pendulum.instance(read_by)
    commit_load_package_state()


def note_base() -> None:
    """Note which state the load package is based on; so each package has a state of its own.

    Else it could not be distinguished from the package before it, which a backup may lack.
    """
    dlt.current.source_state()[BASED_ON] = last_extracted(dlt.current.pipeline())
