"""How one channel stands, read from the tables of its account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from comms_source.channels import Channel
from comms_source.config.settings import Settings
from comms_source.coverage.channel_coverage import ChannelCoverage, last_chance
from comms_source.coverage.details import DetailsPlan
from comms_source.coverage.due import due_reason
from comms_source.coverage.planner import retained
from comms_source.coverage.spans import joined
from comms_source.coverage.stored_channel import StoredChannel
from comms_source.destinations.queries import ask
from comms_source.destinations.rejected_rows import open_rows
from comms_source.extract.run_stats import ChannelStats
from comms_source.tables.bookkeeping import COVERAGE, FOLLOWED, GAPS, RUNS
from comms_source.tables.detail_tables import DETAILS
from comms_source.timespans import Span, parse_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRun:
    """What one run did on one channel."""

    started_at: datetime
    outcome: str
    """How the whole run ended."""
    requests: int
    """Requests on the channel, retries included."""
    refused: bool
    """Whether the API refused the channel."""


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
    last_read: datetime | None
    """When the newest read of any window began."""
    last_run: ChannelRun | None
    """What the last run on the channel did; None if none of the last ones was about it."""
    failures: Sequence[str]
    """What failed in that run."""
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
_LAST_COMPLETE: Final = """
select started_at from {table}
where account = %s and command in ('load', 'pipeline') and outcome = 'complete'
order by started_at desc limit 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusTables:
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

    def last_complete_run(self) -> datetime | None:
        """When the last run began that read all that was due; backfills do not count."""
        rows = ask(self.client, _LAST_COMPLETE, self.settings.account, table=RUNS.name)
        return next((parse_instant(at) for (at,) in rows), None)

    def status_of(
        self,
        channel: Channel,
        coverage: ChannelCoverage,
        stored: StoredChannel,
        runs: Sequence[LastRun],
    ) -> ChannelStatus:
        """How a channel stands, after the latest `runs`; its `coverage` is used up."""
        policy, now = self.settings.policy, self.now
        key = (self.settings.account, channel.name)
        deadline = coverage.deadline(now=now, kept=policy)
        freezes_at = coverage.freezes_at(now=now, kept=policy)
        last_read = coverage.last_read
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
            last_read=last_read,
            last_run=_last_run(runs, channel.name),
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


def _last_run(runs: Sequence[LastRun], channel: str) -> ChannelRun | None:
    last = next((run for run in runs if channel in run.channels), None)
    if last is None:
        return None
    return ChannelRun(
        started_at=last.started_at,
        outcome=last.outcome,
        requests=last.channels[channel].requests,
        refused=last.channels[channel].refused is not None,
    )


def _failures(runs: Sequence[LastRun], channel: str) -> list[str]:
    last = next((run.channels[channel] for run in runs if channel in run.channels), ChannelStats())
    return [
        *filter(None, [last.refused]),
        *(f"{failure.span}: {failure.message}" for failure in last.failures),
        *(f"{name}: {message}" for name, message in last.unfollowed.items()),
        *(f"details of {name}: {message}" for name, message in last.details.failures.items()),
        *(f"details ({kind}): {message}" for kind, message in last.details.unavailable.items()),
    ]
