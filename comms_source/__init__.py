"""Keeps the delivery record of Twilio Communications, for good, in DuckDB or any dlt destination.

import dlt
from comms_source import comms_source

pipeline = dlt.pipeline("twilio_comms", destination="duckdb", dataset_name="comms")
pipeline.run(comms_source())

The functions `load`, `backfill`, `fetch`, `plan`, `status`, `rejected` (and `acknowledge`) and
`make_views` do what the commands of those names do. What is named here, `comms_source.tasks`,
`comms_source.errors` and `comms_source.sandbox` are public; everything else may change without
notice.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from comms_source.commands.backfill import backfill
    from comms_source.commands.fetch import fetch
    from comms_source.commands.load import load
    from comms_source.commands.plan import LoadPlan, plan
    from comms_source.commands.rejected import RejectedRows, acknowledge, rejected
    from comms_source.commands.status import Status, status
    from comms_source.commands.summary import FetchSummary, RunSummary
    from comms_source.commands.views import make_views
    from comms_source.config.accounts import list_accounts
    from comms_source.config.resolve import TwilioCredentials
    from comms_source.errors import (
        CommsSourceError,
        ConfigurationError,
        CredentialsRefused,
        LoadFailed,
        RunStopped,
    )
    from comms_source.source import comms_source

    __version__: str

__all__ = [
    "CommsSourceError",
    "ConfigurationError",
    "CredentialsRefused",
    "FetchSummary",
    "LoadFailed",
    "LoadPlan",
    "RejectedRows",
    "RunStopped",
    "RunSummary",
    "Status",
    "TwilioCredentials",
    "__version__",
    "acknowledge",
    "backfill",
    "comms_source",
    "fetch",
    "list_accounts",
    "load",
    "make_views",
    "plan",
    "rejected",
    "status",
]

_HOMES: Final = {
    "FetchSummary": "commands.summary",
    "LoadPlan": "commands.plan",
    "RejectedRows": "commands.rejected",
    "RunSummary": "commands.summary",
    "Status": "commands.status",
    "TwilioCredentials": "config.resolve",
    "acknowledge": "commands.rejected",
    "backfill": "commands.backfill",
    "comms_source": "source",
    "fetch": "commands.fetch",
    "list_accounts": "config.accounts",
    "load": "commands.load",
    "make_views": "commands.views",
    "plan": "commands.plan",
    "rejected": "commands.rejected",
    "status": "commands.status",
}
"""Where each public name is defined; the errors are in `errors`."""


def __getattr__(name: str) -> Any:
    # dlt takes half a second to import; commands that do not need it should not wait for it.
    if name == "__version__":
        return version("comms-source")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"comms_source.{_HOMES.get(name, 'errors')}"), name)
