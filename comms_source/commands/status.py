"""How things stand: what is fresh, what is missing, and by when to run again to lose nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import dlt
import msgspec

from comms_source.channels import Channel
from comms_source.config.accounts import one_account
from comms_source.config.settings import Settings
from comms_source.coverage.channel_coverage import ChannelCoverage, last_chance
from comms_source.coverage.details import DetailsPlan
from comms_source.coverage.due import due_reason
from comms_source.coverage.planner import retained
from comms_source.coverage.spans import joined
from comms_source.coverage.stored_channel import StoredChannel
from comms_source.destinations.dlt_errors import retry_while_locked
from comms_source.destinations.pipeline import dataset_exists, describe_destination, open_pipeline
from comms_source.destinations.queries import ask
from comms_source.destinations.rejected_rows import open_rows
from comms_source.destinations.stored_account import stored_channels
from comms_source.destinations.stored_details import details_plan
from comms_source.errors import COMPLETE
from comms_source.extract.run_stats import ChannelStats
from comms_source.tables.bookkeeping import COVERAGE, FOLLOWED, GAPS, RUNS
from comms_source.tables.detail_tables import DETAILS
from comms_source.timespans import Span, parse_instant, utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatus:
    """How one channel stands."""

    channel: str
    operations: int
    newest_operation: datetime | None
    last_complete_read: datetime | None
    """When the last run began that left nothing due."""
    windows: int
    """How many windows the API still answers for, the open one included."""
    fresh: int
    """How many of them a load would leave alone now."""
    short: int
    """How many lack rows in the table that were loaded before; a load reads them again."""
    deadline: datetime | None
    """When the API begins to forget what was never read completely; before it, a run is needed."""
    freezes_at: datetime | None
    """By when a run is needed so that no figure freezes that may still change."""
    frozen: Sequence[Span]
    """Creation time of the last days past retention that was last read too early: figures there
    may be too low for good."""
    failures: Sequence[str]
    """What failed in the last run on the channel."""
    rejected: int
    """Rows that could not be read, and are neither resolved nor acknowledged."""
    followed: Mapping[str, int]
    """Operations followed by id, by outcome."""
    gaps: Sequence[Span]
    details: Mapping[str, Mapping[str, int]]
    """Operations by kind of details and outcome: `read`, `empty`, `expired`; kinds that are not
    asked for any more included."""
    details_waiting: int
    """Operations whose details are due."""
    details_deadline: datetime | None
    """When the first of those that were never read leaves retention; None if none is unread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """The run that began last, of those that left a row."""

    command: str
    started_at: datetime
    outcome: str
    error: str | None
    channels: Mapping[str, ChannelStats]
    """What it did on each."""


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
    statuses, runs = _read_tables(pipeline, settings, now) if is_loaded else ([], [])
    return Status(
        now=now,
        is_loaded=is_loaded,
        account=settings.account,
        destination=describe_destination(pipeline),
        dataset=pipeline.dataset_name,
        pipeline=pipeline.pipeline_name,
        pipelines_dir=pipeline.pipelines_dir,
        last_run=next(iter(runs), None),
        channels=statuses,
    )


@retry_while_locked
def _read_tables(
    pipeline: dlt.Pipeline, settings: Settings, now: datetime
) -> tuple[list[ChannelStatus], list[LastRun]]:
    stored = stored_channels(pipeline, settings=settings, now=now)
    plan = DetailsPlan(due=(), waiting=(), expired=())
    if settings.details:
        plan = details_plan(pipeline, settings=settings, now=now)
    with pipeline.sql_client() as client:
        tables = _Tables(client=client, settings=settings, now=now, details=plan)
        runs = tables.last_runs()
        selected = settings.selected
        return [tables.status_of(each, *stored[each.name], runs) for each in selected], runs


_NEWEST: Final = "select count(*), max(created_at) from {table} where account = %s"
_FOLLOWED: Final = """
select outcome, count(*) from {table} where account = %s and channel = %s group by outcome
"""
_DETAILS: Final = """
select kind, outcome, count(*) from {table} where account = %s and channel = %s
group by kind, outcome
"""
_GAPS: Final = """
select gap_start, gap_end from {table} where account = %s and channel = %s order by gap_start
"""
_LEFT: Final = """
select window_start, window_end, read_at from {table}
where account = %s and channel = %s and window_end > %s and window_start < %s and rows_read > 0
order by window_start
"""
_LAST_RUNS: Final = """
select command, started_at, outcome, error, channels from {table}
where account = %s order by started_at desc, _dlt_load_id desc limit 50
"""
"""So many, since a run may have been about other channels only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tables:
    """The tables of an account."""

    client: Any
    settings: Settings
    now: datetime
    details: DetailsPlan
    """What a load would read of details now."""

    def last_runs(self) -> list[LastRun]:
        """The latest runs, the last one first."""
        return [
            LastRun(
                command=command,
                started_at=parse_instant(started_at),
                outcome=outcome,
                error=error,
                channels=msgspec.json.decode(channels, type=dict[str, ChannelStats]),
            )
            for command, started_at, outcome, error, channels in ask(
                self.client, _LAST_RUNS, self.settings.account, table=RUNS.name
            )
        ]

    def status_of(
        self,
        channel: Channel,
        coverage: ChannelCoverage,
        stored: StoredChannel,
        runs: Sequence[LastRun],
    ) -> ChannelStatus:
        policy, now = self.settings.policy, self.now
        key = (self.settings.account, channel.name)
        deadline = coverage.deadline(now=now, kept=policy)
        freezes_at = coverage.freezes_at(now=now, kept=policy)
        coverage.expire(now=now, kept=policy)
        kept = coverage.cut(retained(now=now, policy=policy), policy.window)
        due = [due_reason(w, coverage.windows.get(w.start), now=now, policy=policy) for w in kept]
        found = ask(self.client, _NEWEST, self.settings.account, table=channel.table)
        operations, newest = found[0] if found else (0, None)
        return ChannelStatus(
            channel=channel.name,
            operations=operations,
            newest_operation=None if newest is None else parse_instant(newest),
            last_complete_read=coverage.complete_at,
            windows=len(kept),
            fresh=due.count(None),
            short=len(stored.short),
            deadline=deadline,
            freezes_at=freezes_at,
            frozen=self._frozen(*key),
            failures=_failures(runs, channel.name),
            rejected=open_rows(self.client, channel=channel, account=self.settings.account),
            followed=dict(ask(self.client, _FOLLOWED, *key, table=FOLLOWED.name)),
            gaps=[
                Span(parse_instant(start), parse_instant(end))
                for start, end in ask(self.client, _GAPS, *key, table=GAPS.name)
            ],
            **self._details(channel),
        )

    def _details(self, channel: Channel) -> dict[str, Any]:
        counts: dict[str, dict[str, int]] = {}
        key = (self.settings.account, channel.name)
        for kind, outcome, count in ask(self.client, _DETAILS, *key, table=DETAILS.name):
            counts.setdefault(kind, {})[outcome] = count
        plan = self.details.of(channel.name)
        due = [each for each in (*plan.due, *plan.waiting) if each.requests]
        unread = [each.operation.created_at for each in due if each.need != "changed"]
        first = min(unread, default=None)
        return {
            "details": counts,
            "details_waiting": len(due),
            "details_deadline": first and first + self.settings.retention,
        }

    def _frozen(self, account: str, channel: str) -> list[Span]:
        """Windows that left retention within as long again, with rows last read too early."""
        retention = self.settings.retention
        upto = self.now - retention
        bounds = (upto - retention, upto)
        rows = ask(self.client, _LEFT, account, channel, *bounds, table=COVERAGE.name)
        windows = [(Span(*map(parse_instant, ends)), parse_instant(at)) for *ends, at in rows]
        return joined([window for window, at in windows if at < last_chance(window, retention)])


def _failures(runs: Sequence[LastRun], channel: str) -> list[str]:
    last = next((run.channels[channel] for run in runs if channel in run.channels), ChannelStats())
    return [
        *filter(None, [last.refused]),
        *(f"{failure.span}: {failure.message}" for failure in last.failures),
        *(f"{name}: {message}" for name, message in last.unfollowed.items()),
        *(f"details of {name}: {message}" for name, message in last.details.failures.items()),
        *(f"details ({kind}): {message}" for kind, message in last.details.unavailable.items()),
    ]
