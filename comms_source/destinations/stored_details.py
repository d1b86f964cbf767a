"""What the tables say of details: which operations there are, and what was read of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import dlt
import pyarrow as pa
from dlt.common.destination.exceptions import SqlClientNotAvailable
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from comms_source.channels import CHANNELS, Channel
from comms_source.config.settings import Settings
from comms_source.coverage.details import (
    DetailsPlan,
    DetailsWork,
    Kind,
    KindRead,
    OperationState,
    look_back,
    plan_details,
)
from comms_source.destinations.dlt_errors import translate_dlt_errors
from comms_source.destinations.dlt_internals import current_package
from comms_source.destinations.queries import ask
from comms_source.destinations.stored_account import is_plain_sql
from comms_source.tables.detail_tables import ATTEMPTS, DETAILS, ERRORS, TAGS
from comms_source.tables.history import row_versions
from comms_source.tables.operations import operations_table
from comms_source.tables.specs import TEXT, TIMESTAMP
from comms_source.timespans import parse_instant

_OPERATIONS: Final = """
select {columns} from {{table}} where account = %s and created_at >= %s
"""
_READS: Final = """
select operation_id, kind, outcome, read_at, read_version from {table}
where account = %s and channel = %s and created_at >= %s
"""
_IS_LOADED: Final = " and _dlt_load_id in (select load_id from {loads} where status = 0)"
_SINCE: Final = """
select channel, kind, min(created_at) from {table} where account = %s group by channel, kind
"""
_LAST_READ: Final = """
select max(read_at) from {table} where account = %s
"""
_ASKED: Final = """
select distinct operation_id, message_id from {{table}}
where account = %s and operation_id in ({places})
"""
_IN_TABLE: Final[Mapping[str, tuple[Kind, ...]]] = {
    **{channel.resource_table: ("resources",) for channel in CHANNELS.values()},
    TAGS.name: ("tags", "resources"),
    ATTEMPTS.name: ("errors",),
    ERRORS.name: ("errors",),
}
"""The kinds that have to be read again where a table is empty."""

_CHUNK: Final = 50_000
"""How many operations are in memory at a time as the destination sends them."""
_AT_ONCE: Final = 200
"""How many ids a query names."""


@dataclass(frozen=True, slots=True)
class StoredReads:
    """What was read before."""

    created_from: datetime
    """The creation time from which operations matter."""
    reads: Mapping[tuple[str, str, Kind], KindRead]
    since: Mapping[tuple[str, Kind], datetime]


def details_plan(pipeline: dlt.Pipeline, *, settings: Settings, now: datetime) -> DetailsPlan:
    """What a run at `now` would read of details, by the tables of the destination.

    Raises:
        RunStopped: if the destination cannot be queried.
    """
    with translate_dlt_errors(), pipeline.sql_client() as client:
        return _plan(client, settings=settings, now=now)


def details_work(
    pipeline: dlt.Pipeline, *, settings: Settings, now: datetime, emptied: Collection[str] = ()
) -> DetailsWork:
    """What a run at `now` does about details, by the tables of the destination.

    Args:
        pipeline: The pipeline that loads them.
        settings: The account, its channels, and what to read of them.
        now: The time.
        emptied: Tables that were missing, and have been made again: what was in them is read again.

    Raises:
        RunStopped: if the destination cannot be queried.
    """
    with translate_dlt_errors(), pipeline.sql_client() as client:
        plan = _plan(client, settings=settings, now=now, emptied=emptied)
        return _work(client, plan, account=settings.account)


def current_details_work(
    *, settings: Settings, now: datetime, fresh: Mapping[str, pa.Table]
) -> DetailsWork:
    """The same for the load package that is being extracted.

    Args:
        settings: The account, its channels, and what to read of them.
        now: The time.
        fresh: The package's rows of operations, by channel.

    Raises:
        RunStopped: if the destination cannot be queried.
    """
    package = dlt.current.pipeline() if current_package() else None
    if package is None:
        return _work(None, _plan(None, settings=settings, now=now, fresh=fresh))
    with translate_dlt_errors():
        try:
            connection = package.sql_client()
        except SqlClientNotAvailable:
            return _work(None, _plan(None, settings=settings, now=now, fresh=fresh))
        with connection as client:
            plan = _plan(client, settings=settings, now=now, fresh=fresh)
            return _work(client, plan, account=settings.account)


def _plan(
    client: Any | None,
    *,
    settings: Settings,
    now: datetime,
    fresh: Mapping[str, pa.Table] | None = None,
    emptied: Collection[str] = (),
) -> DetailsPlan:
    """Without a client, nothing is known but the fresh rows."""
    stored = _reads(client, settings, now) if client else StoredReads(now, {}, {})
    lost = {kind for table in emptied for kind in _IN_TABLE.get(table, ())}
    reads = {key: read for key, read in stored.reads.items() if key[2] not in lost}
    operations = [
        operation
        for channel in settings.selected
        for operation in _operations(
            [
                *_stored_operations(client, channel, settings.account, stored.created_from),
                *(table for name, table in (fresh or {}).items() if name == channel.name),
            ],
            channel=channel,
        )
    ]
    return plan_details(
        operations, reads, now=now, policy=settings.details_policy, since=stored.since
    )


def _work(client: Any | None, plan: DetailsPlan, *, account: str = "") -> DetailsWork:
    """The plan, and the messages whose attempts were read before; none without a client."""
    failing = [due.operation.id for due in plan.due if "errors" in due.kinds]
    found: dict[str, set[str]] = {}
    for start in range(0, len(failing) if client else 0, _AT_ONCE):
        ids = failing[start : start + _AT_ONCE]
        query = _ASKED.format(places=", ".join(["%s"] * len(ids)))
        for operation_id, message_id in ask(client, query, account, *ids, table=ATTEMPTS.name):
            found.setdefault(operation_id, set()).add(message_id)
    return DetailsWork(plan, {operation_id: frozenset(ids) for operation_id, ids in found.items()})


def _reads(client: Any, settings: Settings, now: datetime) -> StoredReads:
    last_read, query, tables = _LAST_READ, _READS, {"table": DETAILS.name}
    if is_plain_sql(client):
        # A package may have been dropped after this table took its rows.
        last_read, query = last_read + _IS_LOADED, query + _IS_LOADED
        tables |= {"loads": "_dlt_loads"}
    instants = [at for (at,) in ask(client, last_read, settings.account, **tables)]
    since = look_back(
        now=now,
        retention=settings.retention,
        last_read=parse_instant(instants[0]) if instants and instants[0] is not None else None,
    )
    reads = {
        (channel.name, operation_id, kind): KindRead(
            outcome, None if read_at is None else parse_instant(read_at), version
        )
        for channel in settings.selected
        for operation_id, kind, outcome, read_at, version in ask(
            client, query, settings.account, channel.name, since, **tables
        )
    }
    found = ask(client, _SINCE, settings.account, table=DETAILS.name)
    first = {(name, kind): parse_instant(at) for name, kind, at in found}
    return StoredReads(since, reads, first)


def _stored_operations(
    client: Any | None, channel: Channel, account: str, since: datetime
) -> Iterator[pa.Table]:
    if client is None:
        return
    spec = operations_table(channel)
    columns = ", ".join(map(client.escape_column_name, _columns(channel)))
    query = _OPERATIONS.format(columns=columns)
    table = client.make_qualified_table_name(spec.name)
    try:
        with client.execute_query(query.format(table=table), account, since) as cursor:
            # Not as Arrow: DuckDB 2 warns of it on this interface, and others have other types.
            while rows := cursor.fetchmany(_CHUNK):
                yield _table(rows, channel)
    except DatabaseUndefinedRelation:
        return


def _table(rows: Sequence[Sequence[Any]], channel: Channel) -> pa.Table:
    """The rows, typed; destinations send numbers and times of several types."""
    ids, created, statuses, *counters = zip(*rows, strict=True)
    columns: list[pa.Array[Any]] = [
        pa.array(ids, TEXT),
        pa.array([parse_instant(each) for each in created], TIMESTAMP),
        pa.array(statuses, TEXT),
        *(
            pa.array([None if count is None else int(count) for count in column], pa.int64())
            for column in counters
        ),
    ]
    return pa.Table.from_arrays(columns, names=_columns(channel))


def _columns(channel: Channel) -> list[str]:
    """What a plan needs to know of operations."""
    return ["id", "created_at", "status", *channel.counters]


def _operations(tables: Sequence[pa.Table], *, channel: Channel) -> Iterator[OperationState]:
    """The operations of some tables; of one that is in several, as the last has it."""
    names = _columns(channel)
    found: dict[str, OperationState] = {}
    for table in tables:
        rows = table.select(names)
        versions: list[Any] = row_versions(rows).to_pylist()
        for row, version in zip(_states(rows), versions, strict=True):
            found[row["id"]] = OperationState(
                channel=channel.name,
                id=row["id"],
                created_at=row["created_at"],
                version=version,
                total=row["total"],
                recipients=row["recipients"],
                not_delivered=(row["failed"] or 0) + (row.get("undelivered") or 0),
            )
    yield from found.values()


def _states(rows: pa.Table) -> list[dict[str, Any]]:
    known = [name for name in _STATE if name in rows.schema.names]
    return rows.select(known).to_pylist()


_STATE: Final = ("id", "created_at", "total", "recipients", "failed", "undelivered")
