"""What a scheduler calls: work cut into tasks that may run at the same time, and be run again.

Each task is one account's channel, or a day of it, and works in a lane of its own, so that none
gets in another's way. Settings are read when a function is called, from the folder that the
environment's COMMS_PROJECT names, else from the working directory. The functions that list tasks
ask nobody over the network.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import chdir
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from comms_source.channels import CHANNELS
from comms_source.commands.backfill import backfill_span, run_backfill
from comms_source.commands.load import run_load
from comms_source.commands.status import Status, read_status
from comms_source.commands.summary import RunSummary
from comms_source.commands.views import run_views
from comms_source.config.accounts import Account, read_accounts
from comms_source.config.resolve import parse_date
from comms_source.config.settings import Settings
from comms_source.coverage.backfill import CHUNK
from comms_source.destinations.lanes import Lane
from comms_source.destinations.pipeline import open_pipeline
from comms_source.errors import ConfigurationError
from comms_source.extract.session import Session
from comms_source.timespans import Span, clip, to_iso, utc_now, windows

PROJECT: Final = "COMMS_PROJECT"
PREFERRED: Final = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    # In Airflow dlt would ask its server for a variable for each setting, hundreds in a task.
    "PROVIDERS__AIRFLOW_SECRETS__ONLY_SECRETS": "true",
    "PROVIDERS__AIRFLOW_SECRETS__ONLY_TOML_FRAGMENTS": "true",
}
"""Settings of dlt's, unless somebody sets them otherwise."""

P = ParamSpec("P")
T = TypeVar("T")


def _in_project(action: Callable[P, T]) -> Callable[P, T]:
    """`action`, done in the project's folder, with what dlt should not do unless it is told to."""

    @wraps(action)
    def there(*arguments: P.args, **named: P.kwargs) -> T:
        for name, value in PREFERRED.items():
            os.environ.setdefault(name, value)
        with chdir(os.environ.get(PROJECT) or "."):
            return action(*arguments, **named)

    return there


@_in_project
def of_load(
    accounts: Sequence[str] | None = None, channels: Sequence[str] | None = None
) -> list[dict[str, str]]:
    """The arguments of `load` for each channel of each account.

    Raises:
        ConfigurationError: if the configuration is wrong; not for what is wrong with one of
            several accounts alone, which is for its tasks to tell.
    """
    return _channels_of_all(accounts, channels)


@_in_project
def load(
    *, account: str, channel: str, destination: str | None = None, dataset: str | None = None
) -> RunSummary:
    """Load what is due of one account's channel; the views are for `views` to make.

    Raises:
        ConfigurationError: if a setting is missing, wrong or unsafe.
        CredentialsRefused: if the API refuses the credentials.
        RunStopped: if nothing (more) can be loaded for another reason, which may pass.
    """
    lane = Lane(account=account, channel=channel)
    pipeline = open_pipeline(destination=destination, dataset=dataset, lane=lane)
    return run_load(session=_session(account, channel), pipeline=pipeline)


@_in_project
def of_backfill(
    since: str,
    until: str,
    accounts: Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
) -> list[dict[str, str]]:
    """The arguments of `backfill` for each day, in UTC, of `[since, until)`, oldest first.

    Raises:
        ConfigurationError: if the range holds no time, or time that is still to come, or the
            configuration is wrong.
    """
    span = _span(since, until)
    days = [part for day in windows(span, CHUNK) if (part := clip(day, span))]
    listed = _channels_of_all(accounts, channels)
    return [
        {**task, "since": to_iso(day.start), "until": to_iso(day.end)}
        for day in days
        for task in listed
    ]


@_in_project
def backfill(
    *,
    account: str,
    channel: str,
    since: str,
    until: str,
    destination: str | None = None,
    dataset: str | None = None,
) -> RunSummary:
    """Read what was created in `[since, until)` on one account's channel; run again, it goes on.

    Raises:
        ConfigurationError: if a setting or the range is wrong.
        CredentialsRefused: if the API refuses the credentials.
        RunStopped: if nothing (more) can be loaded for another reason, which may pass.
    """
    span = _span(since, until)
    lane = Lane(account=account, channel=channel, span=span)
    return run_backfill(
        session=_session(account, channel),
        pipeline=open_pipeline(destination=destination, dataset=dataset, lane=lane),
        since=span.start,
        until=span.end,
    )


@_in_project
def views(*, destination: str | None = None, dataset: str | None = None) -> list[str]:
    """Make the views where they have changed or are missing; returns their names.

    Raises:
        RunStopped: if there are no tables yet, or the destination cannot be reached.
    """
    return run_views(open_pipeline(destination=destination, dataset=dataset), anew=False)


@_in_project
def statuses(
    accounts: Sequence[str] | None = None,
    *,
    destination: str | None = None,
    dataset: str | None = None,
) -> list[Status]:
    """How each account stands; one of several whose settings are wrong is left to its tasks.

    Raises:
        ConfigurationError: if the configuration is wrong.
        RunStopped: if there is nothing yet, or the destination cannot be asked.
    """
    pipeline = open_pipeline(destination=destination, dataset=dataset)
    return [
        read_status(settings=account.found, pipeline=pipeline, now=utc_now())
        for account in read_accounts(names=accounts).selected
        if isinstance(account.found, Settings)
    ]


def _channels_of_all(
    accounts: Sequence[str] | None, channels: Sequence[str] | None
) -> list[dict[str, str]]:
    return [
        {"account": account.name, "channel": channel}
        for account in read_accounts(names=accounts, channels=channels).selected
        for channel in _channels(account, channels)
    ]


def _channels(account: Account, asked: Sequence[str] | None) -> Sequence[str]:
    """The channels of an account; where its settings are wrong, its tasks are to tell."""
    if isinstance(account.found, Settings):
        return account.found.channels
    return asked or tuple(CHANNELS)


def _session(account: str, channel: str) -> Session:
    for found in read_accounts(names=[account], channels=[channel]).selected:
        try:
            return Session(settings=found.settings)
        except ConfigurationError as error:
            raise ConfigurationError(f"account {account}: {error}") from None
    raise ConfigurationError(f"channels: account {account} is not configured to read {channel}")


def _span(since: str, until: str) -> Span:
    start, end = parse_date("since", since), parse_date("until", until)
    return backfill_span(since=start, until=end, now=utc_now())
