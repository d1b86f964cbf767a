"""What a scheduler calls: a task for each account.

The functions do what the commands do, in the folder that the environment variable COMMS_PROJECT
names, else in the working directory. Each task may be run again without harm. Tasks of different
accounts may run at the same time, on different machines.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import chdir
from functools import wraps
from typing import Final, ParamSpec, TypeVar

import comms_source
from comms_source.commands.status import Status
from comms_source.commands.summary import RunSummary

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


@_in_project
def accounts(
    names: Sequence[str] | None = None, *, channels: Sequence[str] | None = None
) -> list[str]:
    """The accounts to load, by name; one with wrong settings is among them, for its task to fail.

    Raises:
        ConfigurationError: if a name or a channel is unknown.
    """
    return comms_source.list_accounts(names, channels=channels)


@_in_project
def load(
    account: str,
    *,
    channels: Sequence[str] | None = None,
    destination: str | None = None,
    dataset: str | None = None,
) -> RunSummary:
    """Load what is due of one account, and create the views.

    Raises:
        ConfigurationError: if a setting is missing, wrong or unsafe.
        CredentialsRefused: if the API refuses the credentials.
        RunStopped: if nothing (more) can be loaded for another reason, which may pass.
    """
    return comms_source.load(account, channels=channels, destination=destination, dataset=dataset)


@_in_project
def backfill(
    account: str,
    *,
    since: str,
    until: str | None = None,
    channels: Sequence[str] | None = None,
    destination: str | None = None,
    dataset: str | None = None,
) -> RunSummary:
    """Read what one account created in `[since, until)`, a day at a time; run again, it goes on.

    Raises:
        ConfigurationError: if a setting or the range is wrong.
        CredentialsRefused: if the API refuses the credentials.
        RunStopped: if nothing (more) can be loaded for another reason, which may pass.
    """
    return comms_source.backfill(
        since,
        until,
        account=account,
        channels=channels,
        destination=destination,
        dataset=dataset,
    )


@_in_project
def status(
    account: str,
    *,
    channels: Sequence[str] | None = None,
    destination: str | None = None,
    dataset: str | None = None,
) -> Status:
    """What is fresh and what is missing of one account, and by when to load again.

    Raises:
        ConfigurationError: if a setting is wrong.
        RunStopped: if there is nothing yet, or the destination cannot be asked.
    """
    return comms_source.status(account, channels=channels, destination=destination, dataset=dataset)
