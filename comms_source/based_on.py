"""Which state of a pipeline a load package came from: written into it, read when it is loaded."""

from __future__ import annotations

from typing import Any, Final

import dlt

BASED_ON: Final = "based_on"
"""Where the state of the source keeps the hash of the state that its load package came from."""


def last_extracted(pipeline: dlt.Pipeline) -> str | None:
    """The hash of the local state as it was last extracted; None before the first load."""
    state: Any = pipeline.state
    found: str | None = state["_local"].get("_last_extracted_hash")
    return found


def based_on(pipeline: dlt.Pipeline) -> str | None:
    """The hash of the state before the last one; None where that was the first."""
    state: Any = pipeline.state
    found: str | None = state.get("sources", {}).get("comms_source", {}).get(BASED_ON)
    return found
