"""What the tables contain of one account, queried on one connection before a run.

Rows may have been deleted, or the database restored from a backup. So the row counts in the
coverage are compared with the tables. Windows that lack rows are read again while the API has them;
later they are recorded as gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from math import gcd
from typing import Any, Final

import dlt

from comms_source.channels import CHANNELS, Channel
from comms_source.config.settings import Settings
from comms_source.coverage.channel_coverage import ChannelCoverage
from comms_source.coverage.spans import rows_in
from comms_source.coverage.stored_channel import CoverageRow, StoredChannel
from comms_source.destinations.dlt_errors import translate_dlt_errors
from comms_source.destinations.dlt_internals import is_lake
from comms_source.destinations.open_operations import open_operations
from comms_source.destinations.queries import ask, columns_of
from comms_source.destinations.rejected_rows import known_subjects
from comms_source.destinations.stored_coverage import local_coverage, local_owner, stored_coverage
from comms_source.tables.bookkeeping import COVERAGE, RUNS
from comms_source.timespans import EPOCH, Span, parse_instant

PLAIN: Final = frozenset({"duckdb", "postgres", "redshift"})
"""The SQL dialects in which rows are counted and updated; others are not tested for that."""

_COUNTS: Final = """
select cast(floor(extract(epoch from created_at) / {seconds}) as bigint) as unit, count(*)
from {table} where account = %s and created_at >= %s group by 1
"""
_COMPLETE: Final = """
select window_start, window_end, read_at, rows_read from {table}
where account = %s and channel = %s and is_complete order by window_start
"""
_UNFOUNDED: Final = """
select window_start, window_end, read_at, rows_read from {table}
where
    account = %s and channel = %s and is_complete
    and _dlt_load_id not in (select load_id from {loads} where status = 0)
    -- old rows of that table may be deleted
    and _dlt_load_id > (select coalesce(min(load_id), '') from {loads})
order by window_start
"""
"""Windows whose claim comes from a load package that was not loaded whole."""
_NEWEST: Final = """
select id from {table} where account = %s and created_at > %s order by created_at desc limit 1
"""
_DIED: Final = """
select {columns}, {is_loaded} from {table} where account = %s and outcome = 'running'
"""
_IS_LOADED: Final = "_dlt_load_id in (select load_id from {loads} where status = 0)"


@dataclass(frozen=True, slots=True)
class DiedRun:
    """A row of `runs` that still says `running`, although that run is not in progress any more."""

    row: Mapping[str, Any]
    is_loaded: bool
    """Whether the load package that contained the row was loaded completely."""


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """What the tables contain of one account."""

    channels: Mapping[str, StoredChannel]
    died: Sequence[DiedRun]


def stored_account(
    pipeline: dlt.Pipeline, *, settings: Settings, now: datetime, sound: bool
) -> StoredAccount:
    """Query what the tables contain of the account of `settings`.

    Args:
        pipeline: The pipeline that loads it.
        settings: The account, its channels and its retention.
        now: When the run began.
        sound: Whether the destination is as the last run left it. If not, the table `coverage` is
            compared with the coverage in dlt's state.

    Raises:
        RunStopped: if the destination cannot be queried.
    """
    channels, account = settings.selected, settings.account
    with translate_dlt_errors(), pipeline.sql_client() as client:
        coverages = local_coverage(pipeline, channels=channels, account=account)
        return StoredAccount(
            channels={
                name: _for_run(client, stored, pipeline, settings, CHANNELS[name], now)
                for name, stored in _channels(
                    client, coverages, settings=settings, now=now, sound=sound
                ).items()
            },
            died=_died(client, account),
        )


def stored_channels(
    pipeline: dlt.Pipeline, *, settings: Settings, now: datetime
) -> dict[str, tuple[ChannelCoverage, StoredChannel]]:
    """The coverage of the last complete load, and what the tables contain, without a load.

    Windows that lack rows in the tables are dropped from the coverage.

    Raises:
        RunStopped: if the destination cannot be queried.
    """
    coverages = stored_coverage(pipeline, channels=settings.selected, account=settings.account)
    with translate_dlt_errors(), pipeline.sql_client() as client:
        found = _channels(client, coverages, settings=settings, now=now, sound=True)
    for name, stored in found.items():
        coverages[name].forget(stored.short)
    return {name: (coverages[name], found[name]) for name in found}


def _channels(
    client: Any,
    coverages: Mapping[str, ChannelCoverage],
    *,
    settings: Settings,
    now: datetime,
    sound: bool,
) -> dict[str, StoredChannel]:
    before = now - settings.retention
    return {
        channel.name: _ChannelQueries(client, channel, settings.account, before).stored(
            coverages[channel.name], sound=sound
        )
        for channel in settings.selected
    }


def _for_run(
    client: Any,
    stored: StoredChannel,
    pipeline: dlt.Pipeline,
    settings: Settings,
    channel: Channel,
    now: datetime,
) -> StoredChannel:
    """Add what only a run needs: what earlier runs have reported, and the newest operation.

    The newest operation is needed only where the rows were read with other credentials.
    """
    own, account = settings.credentials.digest, settings.account
    before = now - settings.retention
    rejected = known_subjects(client, channel=channel, account=account, since=before)
    columns = columns_of(client, channel.table)
    stored = replace(stored, rejected=frozenset(rejected), columns=frozenset(columns))
    if local_owner(pipeline, channel=channel, account=account) in {None, own}:
        return stored
    found = ask(client, _NEWEST, account, before, table=channel.table)
    return replace(stored, newest=found[0][0] if found else None)


def changes_rows(pipeline: dlt.Pipeline) -> bool:
    """Whether single rows can be updated in the destination: not in a lake."""
    return is_plain_sql(pipeline.sql_client())


def is_plain_sql(client: Any) -> bool:
    """The same for dlt's SQL client of the destination."""
    return not is_lake(client) and client.capabilities.sqlglot_dialect in PLAIN


@dataclass(frozen=True, slots=True)
class _ChannelQueries:
    client: Any
    channel: Channel
    account: str
    before: datetime
    """The start of the API's retention."""

    def stored(self, coverage: ChannelCoverage, *, sound: bool) -> StoredChannel:
        opened = open_operations(
            self.client, channel=self.channel, account=self.account, before=self.before
        )
        if not is_plain_sql(self.client):
            return StoredChannel(opened=opened, restates=not sound)
        unfounded = self._rows(_UNFOUNDED, loads="_dlt_loads")
        if coverage.tracked_from is None:
            founded = [row for row in self._rows(_COMPLETE) if row not in unfounded]
            return StoredChannel(
                opened=opened,
                unfounded=unfounded,
                complete_to=max((row.window.end for row in founded), default=None),
                restates=not sound,
            )
        short = self._short(coverage)
        if sound and not short:
            return StoredChannel(opened=opened, unfounded=unfounded)
        complete = self._rows(_COMPLETE)
        return StoredChannel(
            opened=opened,
            short=short,
            lost=self._lost(complete) if short else (),
            unfounded=[
                row
                for row in complete
                if row in unfounded
                or (
                    row.window.end > self.before
                    and (row.window.start in short or not coverage.is_complete(row.window))
                )
            ],
            restates=not sound,
        )

    def _short(self, coverage: ChannelCoverage) -> list[datetime]:
        spans = sorted(map(coverage.span_of, coverage.windows))
        if not spans or coverage.width is None:
            return []
        counts = self._counts(since=spans[0].start, unit=coverage.unit(coverage.width))
        there = rows_in(spans, counts)
        return [
            span.start
            for span, count in zip(spans, there, strict=True)
            if count < coverage.windows[span.start].rows
        ]

    def _lost(self, complete: Sequence[CoverageRow]) -> list[tuple[CoverageRow, int]]:
        """The windows past retention that lack rows, and how many rows each has left.

        Without those before the oldest remaining row: old rows may be deleted on purpose.
        """
        rows = [row for row in complete if row.window.end <= self.before]
        if not rows:
            return []
        bounds = [bound for row in rows for bound in (row.window.start, row.window.end)]
        seconds = reduce(gcd, (int(bound.timestamp()) for bound in bounds))
        counts = self._counts(since=bounds[0], unit=timedelta(seconds=seconds))
        # Windows of several widths may overlap here, so each is counted separately.
        left = [rows_in([row.window], counts)[0] for row in rows]
        oldest = min(counts, default=bounds[0])
        return [
            (row, count)
            for row, count in zip(rows, left, strict=True)
            if count < row.rows and row.window.end > oldest
        ]

    def _counts(self, *, since: datetime, unit: timedelta) -> dict[datetime, int]:
        query = _COUNTS.replace("{seconds}", str(int(unit.total_seconds())))
        found = ask(self.client, query, self.account, since, table=self.channel.table)
        return {EPOCH + number * unit: count for number, count in found}

    def _rows(self, query: str, **tables: str) -> list[CoverageRow]:
        key = (self.account, self.channel.name)
        found = ask(self.client, query, *key, table=COVERAGE.name, **tables)
        return [
            CoverageRow(Span(parse_instant(start), parse_instant(end)), parse_instant(read), rows)
            for start, end, read, rows in found
        ]


def _died(client: Any, account: str) -> list[DiedRun]:
    names = RUNS.schema.names
    # The table of loads cannot be queried in a lake.
    is_loaded = _IS_LOADED if is_plain_sql(client) else "1 = 0"
    query = _DIED.replace("{columns}", ", ".join(names)).replace("{is_loaded}", is_loaded)
    return [
        DiedRun(dict(zip(names, row, strict=True)), is_loaded=bool(is_loaded))
        for *row, is_loaded in ask(client, query, account, table=RUNS.name, loads="_dlt_loads")
    ]
