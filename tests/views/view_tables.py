"""Test tables like those of a load, with the views over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import duckdb
import pyarrow as pa

from comms_source.channels import CHANNELS
from comms_source.sandbox import documented_payloads
from comms_source.sandbox.samples import CHANNEL_OF, operations_in
from comms_source.tables.bookkeeping import BOOKKEEPING
from comms_source.tables.detail_tables import DETAIL_TABLES
from comms_source.tables.history import history_table
from comms_source.tables.operations import operations_table
from comms_source.tables.specs import TIMESTAMP
from comms_source.views.files import read_views
from comms_source.views.macros import Columns, detail_columns, documented_columns
from comms_source.views.settings import CounterMode, ViewSettings
from comms_source.views.statements import view_statements

Counters = Mapping[str, int | None]
Record = dict[str, Any]

NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""The default creation time of an operation."""

NOW: Final = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)
"""The current time of the views."""

DEFAULTS: Final = ViewSettings(now=NOW)

WITH_DETAILS: Final[Columns] = documented_columns() | detail_columns()
"""The columns of a dataset with all tables, those of details included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row of a channel's table; a counter that is not given is NULL."""

    channel: str
    counters: Counters = field(default_factory=dict)
    id: str = "op"
    account: str = "acme"
    status: str | None = "COMPLETED"
    created_at: datetime = NOON
    updated_at: datetime | None = None
    synced_at: datetime | None = None
    """By default its creation time."""
    extra: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One row of a channel's history: an operation in one state."""

    shown: Operation
    valid_from: datetime
    valid_to: datetime | None = None


def counted(channel: str, **counters: int | None) -> Operation:
    """An operation with all counters of its channel; counters that are not given are 0."""
    zeros: dict[str, int | None] = dict.fromkeys(CHANNELS[channel].counters, 0)
    return Operation(channel=channel, counters=zeros | counters)


def sample_names() -> list[str]:
    """The names of the documented operations; an operation of a list has its position added."""
    return list(_samples())


def sample(name: str, *, account: str = "acme") -> Operation:
    """One documented operation, with its name instead of its id, which is not unique."""
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
    """A database with all tables of a first load that asked for details, without rows."""
    db = duckdb.connect(path)
    db.execute("set timezone = 'UTC'")
    db.execute(f'create schema "{schema}"')
    for table, columns in table_schemas().items():
        empty = columns.empty_table()
        db.register("shape", empty)
        db.execute(f'create table "{schema}".{table} as select * from shape')
        db.unregister("shape")
    return db


@cache
def table_schemas() -> dict[str, pa.Schema]:
    """The schema of every table in a warehouse, by name."""
    schemas = {spec.name: spec.schema for spec in (*BOOKKEEPING, *DETAIL_TABLES)}
    for channel in CHANNELS.values():
        history = history_table(channel).schema
        for column in ("valid_from", "valid_to"):
            history = history.append(pa.field(column, TIMESTAMP))
        schemas |= {channel.table: operations_table(channel).schema, channel.history_table: history}
    return {table: _nullable(schema) for table, schema in schemas.items()}


def _nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_nullable(True) for field in schema])


def make_views(
    db: duckdb.DuckDBPyConnection, *, schema: str = "comms", settings: ViewSettings = DEFAULTS
) -> None:
    """Create the views, without their comments, which most tests do not need."""
    for statement in _statements(schema, settings):
        db.execute(statement)


_MADE: Final[dict[str, list[str]]] = {}


def _statements(schema: str, settings: ViewSettings) -> list[str]:
    key = f"{schema} {settings}"
    if key not in _MADE:
        views = view_statements(
            dialect="duckdb", dataset=schema, settings=settings, columns=WITH_DETAILS
        )
        _MADE[key] = [view.create for view in views]
    return _MADE[key]


_IDLE: Final[dict[str, list[duckdb.DuckDBPyConnection]]] = {}
"""Warehouses without rows, by the settings of their views."""


@contextmanager
def warehouse(
    operations: Iterable[Operation] = (),
    *,
    path: str | None = None,
    settings: ViewSettings = DEFAULTS,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the tables, the operations and the views.

    Creating it takes longer than most tests, so it is emptied and reused. A warehouse with a `path`
    is not reused, and may be altered; `:memory:` is a path too.
    """
    if path is not None:
        with _created(path, settings) as own:
            put(own, operations)
            yield own
        return
    idle = _IDLE.setdefault(str(settings), [])
    db = idle.pop() if idle else _created(":memory:", settings)
    put(db, operations)
    yield db  # it is not reused after a test that fails
    idle.append(_emptied(db))


def _created(path: str, settings: ViewSettings) -> duckdb.DuckDBPyConnection:
    db = empty_tables(path)
    db.execute("set threads = 1")  # faster for so few rows
    make_views(db, settings=settings)
    return db


def _emptied(db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """The database without rows, for the next test.

    Raises:
        AssertionError: if it was altered; a test that alters it needs its own.
    """
    clear(db)
    db.execute("set timezone = 'UTC'")
    columns = db.execute(
        "select table_name, count(*) from duckdb_columns() where schema_name = 'comms' group by all"
    ).fetchall()
    views = {view.name: len(view.columns) for view in read_views(details=True)}
    tables = {name: len(schema) for name, schema in table_schemas().items()}
    assert dict(columns) == tables | views, "a test that alters its warehouse needs a path"
    return db


def put(db: duckdb.DuckDBPyConnection, operations: Iterable[Operation]) -> None:
    """Write the operations to the tables of their channels."""
    all_operations = list(operations)
    for channel in CHANNELS.values():
        mine = [_row(each) for each in all_operations if each.channel == channel.name]
        put_rows(db, channel.table, mine)


def put_states(db: duckdb.DuckDBPyConnection, states: Iterable[State]) -> None:
    """Write states to the histories of their channels."""
    all_states = list(states)
    for channel in CHANNELS.values():
        mine = [
            {**_row(state.shown), "valid_from": state.valid_from, "valid_to": state.valid_to}
            for state in all_states
            if state.shown.channel == channel.name
        ]
        put_rows(db, channel.history_table, mine)


def put_rows(db: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Record]) -> None:
    """Write rows to a table, by column; missing columns are NULL."""
    if rows:
        db.register("mine", pa.Table.from_pylist(list(rows), schema=table_schemas()[table]))
        db.execute(f"insert into comms.{table} by name select * from mine")
        db.unregister("mine")


def clear(db: duckdb.DuckDBPyConnection) -> None:
    """Delete all rows."""
    for table in table_schemas():
        db.execute(f"delete from comms.{table}")


def _row(operation: Operation) -> Record:
    return {
        "id": operation.id,
        "account": operation.account,
        "status": operation.status,
        "created_at": operation.created_at,
        "updated_at": operation.updated_at,
        "synced_at": operation.synced_at or operation.created_at,
        "extra": operation.extra,
        **operation.counters,
    }


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


def pinned(pins: Mapping[str, CounterMode]) -> ViewSettings:
    """The default settings with the counter modes of some channels pinned."""
    return ViewSettings(counter_mode=pins, now=NOW)


def measured(operation: Operation, *, mode: CounterMode | None = None) -> Record:
    """The row of the view `operations` for the only operation of a warehouse."""
    settings = pinned({operation.channel: mode} if mode else {})
    with warehouse([operation], settings=settings) as db:
        return operations_of(db)[0]
