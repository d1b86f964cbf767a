"""Test warehouses: the tables that loads create, and the views over them.

Every row is known, so a test can compute the expected sums itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pytest

from comms_source.channels import CHANNELS, Channel
from comms_source.destinations.pipeline import open_pipeline
from comms_source.report.data.facts import Facts
from comms_source.report.data.read import read_facts
from comms_source.tables.bookkeeping import BOOKKEEPING
from comms_source.tables.detail_tables import DETAIL_TABLES
from comms_source.tables.history import history_table
from comms_source.tables.operations import operations_table
from comms_source.tables.specs import TIMESTAMP, with_load_id
from comms_source.views.macros import detail_columns, documented_columns
from comms_source.views.settings import ViewSettings
from comms_source.views.statements import view_statements

NOW: Final = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
"""A Saturday evening."""
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
LOAD: Final = "1"
FILE: Final = "warehouse.duckdb"

Counters = Mapping[str, int | None]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A row of a channel's table; counters that are not given are 0."""

    channel: str
    id: str
    created_at: datetime
    counters: Counters
    account: str = "acme"
    status: str | None = "COMPLETED"
    synced_at: datetime = NOW
    settled: bool = False
    """Whether its history shows that it has not changed for long."""
    seen: Sequence[tuple[float, Counters]] = ()
    """Its own history: the counters from each age on, in hours."""

    @property
    def all_counters(self) -> dict[str, int | None]:
        """All counters of the row."""
        return {**dict.fromkeys(CHANNELS[self.channel].counters, 0), **self.counters}


@dataclass(frozen=True, slots=True, kw_only=True)
class Warehouse:
    """The contents of a file."""

    operations: Sequence[Operation] = ()
    records: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """The rows of the other tables, by table."""
    settings: ViewSettings = ViewSettings()
    details: bool = False
    """Whether there are tables of details."""


def write(warehouse: Warehouse, *, path: str = FILE, now: datetime | None = NOW) -> None:
    """Write the file; its views use `now` as the current time."""
    Path(path).unlink(missing_ok=True)
    with duckdb.connect(path) as db:
        db.execute("set timezone = 'UTC'")
        db.execute("create schema comms")
        for channel in CHANNELS.values():
            mine = [each for each in warehouse.operations if each.channel == channel.name]
            _table(db, channel.table, _rows(channel, mine))
            _table(db, channel.history_table, _history(channel, mine))
        for record in (*BOOKKEEPING, *(DETAIL_TABLES if warehouse.details else ())):
            rows = with_load_id(record.rows(warehouse.records.get(record.name, ())), LOAD)
            _table(db, record.name, rows)
        settings = replace(warehouse.settings, now=now)
        for statement in _views(settings, details=warehouse.details):
            db.execute(statement)


def facts_in(
    path: Path | str = FILE,
    *,
    settings: ViewSettings = ViewSettings(),  # noqa: B008 - it is frozen
    now: datetime = NOW,
    **options: Any,
) -> Facts:
    """The facts of a report on a file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(path))
        patch.setenv("DLT_DATA_DIR", str(Path(path).absolute().parent / "dlt-data"))
        return read_facts(open_pipeline(), settings=settings, now=now, **options)


def facts_of(*operations: Operation, **options: Any) -> Facts:
    """The facts of a report on a new file with these operations."""
    write(Warehouse(operations=operations))
    return facts_in(FILE, **options)


def coverage(
    *,
    first: datetime,
    last: datetime,
    account: str = "acme",
    complete: bool = True,
    again: timedelta = 7 * DAY - HOUR,
    now: datetime = NOW,
) -> list[Row]:
    """Hourly windows of every channel; `again` is the time from their end to the last reading."""
    hours = (last - first) // HOUR
    return [
        {
            "account": account,
            "channel": channel,
            "window_start": first + number * HOUR,
            "window_end": first + (number + 1) * HOUR,
            "read_at": min(now, first + (number + 1) * HOUR + (again if complete else HOUR)),
            "rows_read": 1,
            "is_complete": complete,
        }
        for channel in CHANNELS
        for number in range(hours)
    ]


def run(
    *, outcome: str = "complete", account: str = "acme", ago: timedelta = HOUR
) -> dict[str, Any]:
    """A row of the table `runs`."""
    numbers = ("requests", "retries", "operations", "rejected", "scans", "scans_failed", "gaps")
    return {
        "run_id": f"{account} {ago}",
        "command": "load",
        "account": account,
        "started_at": NOW - ago,
        "ended_at": NOW - ago,
        "outcome": outcome,
        "error": None,
        **dict.fromkeys(numbers, 0),
        "waited_seconds": 0.0,
        "channels": "{}",
        "version": "1",
    }


def gap(
    start: datetime,
    end: datetime,
    *,
    channel: str,
    account: str = "acme",
    found_at: datetime = NOW,
) -> Row:
    """A row of the table `gaps`."""
    return {
        "account": account,
        "channel": channel,
        "gap_start": start,
        "gap_end": end,
        "found_at": found_at,
        "reason": "never read",
    }


def messages(
    name: str,
    *,
    created_at: datetime,
    delivered: int = 0,
    read: int = 0,
    undelivered: int = 0,
    failed: int = 0,
    queued: int = 0,
    sent: int = 0,
    **more: Any,
) -> Operation:
    """An operation with exclusive counters."""
    total = delivered + read + undelivered + failed + queued + sent
    counters = {
        "total": total,
        "recipients": total,
        "attempts": total,
        "delivered": delivered,
        "read": read,
        "undelivered": undelivered,
        "failed": failed,
        "queued": queued,
        "sent": sent,
    }
    return Operation(channel="messages", id=name, created_at=created_at, counters=counters, **more)


def _rows(channel: Channel, operations: Iterable[Operation]) -> pa.Table:
    rows = [
        {
            "id": each.id,
            "account": each.account,
            "status": each.status,
            "created_at": each.created_at,
            "updated_at": min(NOW, each.created_at + timedelta(minutes=9)),
            **each.all_counters,
            "synced_at": each.synced_at,
            "_dlt_load_id": LOAD,
        }
        for each in operations
    ]
    return pa.Table.from_pylist(rows, schema=operations_table(channel).schema)


_STATES: Final = ((0.2, 0.35), (2.0, 0.7), (20.0, 0.96), (46.0, 1.0))
"""The ages in hours at which an operation has a new state, and its progress then."""


def _history(channel: Channel, operations: Iterable[Operation]) -> pa.Table:
    fields = [pa.field(name, TIMESTAMP) for name in ("valid_from", "valid_to")]
    schema = pa.schema([*history_table(channel).schema, *fields])
    rows = [row for each in operations for row in _states(each)]
    return pa.Table.from_pylist(rows, schema=schema)


def _states(operation: Operation) -> Iterable[Row]:
    settling = [(age, _done(operation.all_counters, done)) for age, done in _STATES]
    seen = operation.seen or (settling if operation.settled else ())
    ends = [*(age for age, _ in seen[1:]), None]
    for version, ((age, counters), end) in enumerate(zip(seen, ends, strict=False)):
        at = operation.created_at + age * HOUR
        yield {
            "id": operation.id,
            "account": operation.account,
            "status": "COMPLETED" if version or operation.seen else "PROCESSING",
            "created_at": operation.created_at,
            "updated_at": at,
            **dict.fromkeys(CHANNELS[operation.channel].counters, 0),
            **counters,
            "synced_at": at,
            "_dlt_load_id": LOAD,
            "row_version": version,
            "valid_from": at,
            "valid_to": None if end is None else operation.created_at + end * HOUR,
        }


def _done(counters: Counters, part: float) -> dict[str, int | None]:
    moving = {"delivered": 1.0, "undelivered": 1.0, "read": 1.6, "opened": 1.6}
    return {
        name: None if value is None else int(value * part ** moving.get(name, 0.0))
        for name, value in counters.items()
    }


def _table(db: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    db.register("rows", rows)
    db.execute(f"create table comms.{name} as select * from rows")
    db.unregister("rows")


@cache
def _views(settings: ViewSettings, *, details: bool) -> list[str]:
    columns = documented_columns() | (detail_columns() if details else frozenset())
    statements = view_statements(
        dialect="duckdb", dataset="comms", settings=settings, columns=columns
    )
    return [view.create for view in statements]
