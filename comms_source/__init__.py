"""Keeps the delivery record of Twilio Communications, for good, in DuckDB or any dlt destination.

import dlt
from comms_source import comms_source

pipeline = dlt.pipeline("comms", destination="duckdb", dataset_name="comms")
pipeline.run(comms_source())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from comms_source.config.resolve import TwilioCredentials
    from comms_source.source import comms_source

__all__ = ["TwilioCredentials", "comms_source"]


def __getattr__(name: str) -> Any:
    # dlt takes half a second to import; commands that do not need it should not wait for it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from comms_source import source  # noqa: PLC0415

    return getattr(source, name)
