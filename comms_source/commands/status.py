"""How things stand: what is fresh, what is missing, and by when to run again to lose nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dlt
import msgspec

from comms_source.commands.channel_status import ChannelStatus, LastRun, StatusTables
from comms_source.config.accounts import one_account
from comms_source.config.settings import Settings
from comms_source.coverage.details import DetailsPlan
from comms_source.destinations.dlt_errors import retry_while_locked
from comms_source.destinations.pipeline import dataset_exists, describe_destination, open_pipeline
from comms_source.destinations.stored_account import stored_channels
from comms_source.destinations.stored_details import details_plan
from comms_source.errors import COMPLETE
from comms_source.timespans import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How everything stands."""

    now: datetime
    is_loaded: bool
    """Whether there are tables; before the first load there are no channels either."""
    destination: str
    dataset: str
    account: str
    pipeline: str
    """The name of the dlt pipeline."""
    pipelines_dir: str
    """The folder in which dlt keeps it, for `dlt pipeline --pipelines-dir`."""
    last_run: LastRun | None
    last_complete_run: datetime | None
    """When the last run began that read all that was due and found nothing missing; backfills do
    not count."""
    details: Sequence[str]
    """The kinds of details that loads read."""
    channels: Sequence[ChannelStatus]

    @property
    def exit_code(self) -> int:
        """0: a status is always complete."""
        return COMPLETE

    @property
    def deadline(self) -> datetime | None:
        """The earliest of the channels' deadlines."""
        return min((c.deadline for c in self.channels if c.deadline), default=None)

    @property
    def freezes_at(self) -> datetime | None:
        """The earliest of the channels' instants at which figures begin to freeze."""
        return min((c.freezes_at for c in self.channels if c.freezes_at), default=None)

    def as_dict(self) -> dict[str, Any]:
        """The same for machines; times in ISO 8601 and UTC."""
        fields: dict[str, Any] = msgspec.to_builtins(self, order="sorted")
        channels = {channel["channel"]: channel for channel in fields["channels"]}
        if fields["last_run"]:
            del fields["last_run"]["channels"]  # Its failures are among those of the channels.
        earliest = {"deadline": self.deadline, "freezes_at": self.freezes_at}
        return {**fields, "channels": channels, **msgspec.to_builtins(earliest)}


def status(
    account: str | None = None,
    *,
    channels: Sequence[str] | None = None,
    destination: str | None = None,
    dataset: str | None = None,
) -> Status:
    """What is fresh, what is missing, and by when to load again to lose nothing.

    Needs no credentials.

    Args:
        account: Which account; not needed where the configuration has one.
        channels: Which of its channels; by default all that it is configured for.
        destination: A dlt destination; by default the one that is configured, or DuckDB.
        dataset: The dataset; by default the one that is configured, or `comms`.

    Raises:
        ConfigurationError: if a setting is wrong.
        RunStopped: if the destination cannot be asked.
    """
    chosen = one_account(account, channels=channels, needs_credentials=False)
    pipeline = open_pipeline(
        destination=destination, dataset=dataset, account=chosen.section, read_only=True
    )
    return read_status(settings=chosen.settings, pipeline=pipeline, now=utc_now())


def read_status(*, settings: Settings, pipeline: dlt.Pipeline, now: datetime) -> Status:
    """How the account of `settings` stands in the destination at `now`.

    Raises:
        RunStopped: if the destination cannot be asked.
    """
    is_loaded = retry_while_locked(dataset_exists)(pipeline)
    nothing: dict[str, Any] = {"last_run": None, "last_complete_run": None, "channels": ()}
    return Status(
        now=now,
        is_loaded=is_loaded,
        account=settings.account,
        destination=describe_destination(pipeline),
        dataset=pipeline.dataset_name,
        pipeline=pipeline.pipeline_name,
        pipelines_dir=pipeline.pipelines_dir,
        details=sorted(settings.details),
        **(_read_tables(pipeline, settings, now) if is_loaded else nothing),
    )


@retry_while_locked
def _read_tables(pipeline: dlt.Pipeline, settings: Settings, now: datetime) -> dict[str, Any]:
    stored = stored_channels(pipeline, settings=settings, now=now)
    plan = DetailsPlan(due=(), waiting=(), expired=())
    if settings.details:
        plan = details_plan(pipeline, settings=settings, now=now)
    with pipeline.sql_client() as client:
        tables = StatusTables(client=client, settings=settings, now=now, details=plan)
        runs = tables.last_runs()
        return {
            "last_run": next(iter(runs), None),
            "last_complete_run": tables.last_complete_run(),
            "channels": [
                tables.status_of(each, *stored[each.name], runs) for each in settings.selected
            ],
        }
