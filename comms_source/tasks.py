"""What a scheduler calls: a task for each account.

The functions are those of the package, called in the folder that the environment variable
COMMS_PROJECT names, else in the working directory. Each task may be run again without harm. Tasks
of different accounts may run at the same time, on different machines.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import chdir
from functools import wraps
from typing import Final, ParamSpec, TypeVar

import comms_source

PROJECT: Final = "COMMS_PROJECT"
PREFERRED: Final = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    # In Airflow dlt would ask its server for a variable for each setting, hundreds in a task.
    "PROVIDERS__AIRFLOW_SECRETS__ONLY_SECRETS": "true",
    "PROVIDERS__AIRFLOW_SECRETS__ONLY_TOML_FRAGMENTS": "true",
}
"""Settings of dlt's; a value from the environment comes first."""

P = ParamSpec("P")
T = TypeVar("T")


def _in_project(action: Callable[P, T]) -> Callable[P, T]:
    """`action`, done in the project's folder and with the preferred settings."""

    @wraps(action)
    def there(*arguments: P.args, **named: P.kwargs) -> T:
        for name, value in PREFERRED.items():
            os.environ.setdefault(name, value)
        with chdir(os.environ.get(PROJECT) or "."):
            return action(*arguments, **named)

    return there


accounts = _in_project(comms_source.list_accounts)
load = _in_project(comms_source.load)
backfill = _in_project(comms_source.backfill)
status = _in_project(comms_source.status)
