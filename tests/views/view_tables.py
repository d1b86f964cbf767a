"""The tables that a load leaves behind, made by hand, with the views over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import duckdb
import pyarrow as pa

from comms_source.channels import CHANNELS, Channel
from comms_source.sandbox import documented_payloads
from comms_source.sandbox.samples import CHANNEL_OF, operations_in
from comms_source.views import StatsReading, view_statements

Counters = Mapping[str, int | None]
Record = dict[str, Any]

NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""When an operation was created, where a test does not care."""

TEXT_COLUMNS: Final = ("id", "account", "status", "extra", "_dlt_load_id")
TIME_COLUMNS: Final = ("created_at", "updated_at", "synced_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row of a channel's table; a counter that is not named is NULL."""

    channel: str
    counters: Counters = field(default_factory=dict)
    id: str = "op"
    account: str = "acme"
    status: str | None = "COMPLETED"
    created_at: datetime = NOON


def counted(channel: str, **counters: int | None) -> Operation:
    """An operation that has all counters of its channel; those that are not named are 0."""
    zeros: dict[str, int | None] = dict.fromkeys(CHANNELS[channel].counters, 0)
    return Operation(channel=channel, counters=zeros | counters)


def sample_names() -> list[str]:
    """Each documented operation by name; one of a list has its position behind it."""
    return list(_samples())


def sample(name: str, *, account: str = "acme") -> Operation:
    """One documented operation, under its name instead of the id that it shares with others."""
    channel, payload = _samples()[name]
    known = CHANNELS[channel].counters
    return Operation(
        channel=channel,
        counters={key: value for key, value in payload["stats"].items() if key in known},
        id=name,
        account=account,
        status=payload["status"],
        created_at=datetime.fromisoformat(payload["createdAt"]),
    )


def _samples() -> dict[str, tuple[str, dict[str, Any]]]:
    samples = {}
    for name in documented_payloads():
        channel = CHANNEL_OF.get(name.split("_")[0])
        if channel:
            operations = operations_in(name)
            for position, payload in enumerate(operations):
                key = name if len(operations) == 1 else f"{name}_{position}"
                samples[key] = (channel, payload)
    return samples


def empty_tables(path: str = ":memory:", *, schema: str = "comms") -> duckdb.DuckDBPyConnection:
    """A database with the three tables and nothing in them."""
    db = duckdb.connect(path)
    db.execute(f'create schema "{schema}"')
    for channel in CHANNELS.values():
        columns = [
            *(f"{name} text" for name in TEXT_COLUMNS),
            *(f"{name} timestamptz" for name in TIME_COLUMNS),
            *(f"{name} bigint" for name in channel.counters),
        ]
        db.execute(f'create table "{schema}".{channel.table} ({", ".join(columns)})')
    return db


def make_views(
    db: duckdb.DuckDBPyConnection,
    *,
    schema: str = "comms",
    stats_reading: Mapping[str, StatsReading] | None = None,
) -> None:
    """Make the views, without their comments, which most tests do not look at."""
    for statement in _statements(schema, tuple((stats_reading or {}).items())):
        db.execute(statement)


@cache
def _statements(schema: str, pins: tuple[tuple[str, StatsReading], ...]) -> list[str]:
    views = view_statements(dialect="duckdb", dataset=schema, stats_reading=dict(pins))
    return [view.create for view in views]


def warehouse(
    operations: Iterable[Operation] = (),
    *,
    path: str = ":memory:",
    stats_reading: Mapping[str, StatsReading] | None = None,
) -> duckdb.DuckDBPyConnection:
    """A database with the tables, the operations and the views."""
    db = empty_tables(path)
    make_views(db, stats_reading=stats_reading)
    put(db, operations)
    return db


def put(db: duckdb.DuckDBPyConnection, operations: Iterable[Operation]) -> None:
    """Write the operations to the tables of their channels."""
    all_operations = list(operations)
    for channel in CHANNELS.values():
        mine = [each for each in all_operations if each.channel == channel.name]
        if mine:
            db.register("mine", _arrow(channel, mine))
            db.execute(f"insert into comms.{channel.table} by name select * from mine")
            db.unregister("mine")


def clear(db: duckdb.DuckDBPyConnection) -> None:
    """Take all operations out again."""
    for channel in CHANNELS.values():
        db.execute(f"delete from comms.{channel.table}")


def _arrow(channel: Channel, operations: Sequence[Operation]) -> pa.Table:
    columns: dict[str, pa.Array[Any]] = {
        "id": pa.array([each.id for each in operations], pa.string()),
        "account": pa.array([each.account for each in operations], pa.string()),
        "status": pa.array([each.status for each in operations], pa.string()),
        "created_at": pa.array(
            [each.created_at for each in operations], pa.timestamp("us", tz="UTC")
        ),
    }
    for name in channel.counters:
        columns[name] = pa.array([each.counters.get(name) for each in operations], pa.int64())
    return pa.table(columns)


def records(db: duckdb.DuckDBPyConnection, query: str) -> list[Record]:
    """The rows of a query, each by column."""
    cursor = db.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def operations_of(db: duckdb.DuckDBPyConnection) -> list[Record]:
    """The rows of the view `operations`, in a fixed order."""
    return records(db, "select * from comms.operations order by account, channel, id")


def days_of(db: duckdb.DuckDBPyConnection) -> list[Record]:
    """The rows of the view `daily_delivery`, in a fixed order."""
    return records(db, "select * from comms.daily_delivery order by day, account, channel")


def measured(operation: Operation, *, reading: StatsReading | None = None) -> Record:
    """What the view `operations` makes of one operation that is alone in its warehouse."""
    pins = {operation.channel: reading} if reading else None
    with warehouse([operation], stats_reading=pins) as db:
        return operations_of(db)[0]
