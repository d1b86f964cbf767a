"""From the rows of a page to Arrow tables of one fixed schema per channel. Pure.

Two parsers: Arrow reads a page in columns if each row has documented fields and counters only, or
counters that were learned in this run. All other pages go row by row, see `row_reader`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from comms_source.channels import STATUSES, Channel
from comms_source.tables.page import Page, plain_page, raw_rows
from comms_source.tables.row_reader import FIELDS, Rejection, Sifted, counter_column, sift
from comms_source.tables.specs import TEXT, TIMESTAMP, TableSpec, constant, required
from comms_source.timespans import EPOCH, Span

REJECTED: Final = TableSpec(
    name="rejected_operations",
    description="rows that could not be read, each once",
    key=("row_key",),
    columns=pa.schema(
        [
            required("row_key", TEXT),
            required("account", TEXT),
            required("channel", TEXT),
            pa.field("operation_id", TEXT),
            required("reason", TEXT),
            required("raw", TEXT),
            required("synced_at", TIMESTAMP),
        ]
    ),
)
"""`row_key` is a digest of account, channel and text, so that a row read again is the same row."""

RawRows = Callable[[], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What every row of one page gets beside what the API says."""

    account: str
    synced_at: datetime
    """When the page arrived, in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTables:
    """One page, read, and what was new about it."""

    operations: pa.Table
    rejected: pa.Table
    new_counters: frozenset[str] = frozenset()
    """Columns for counters that the reference does not name."""
    learned: frozenset[str] = frozenset()
    """The same counters as the API spells them."""
    new_fields: frozenset[str] = frozenset()
    """Top-level fields that the reference does not name."""
    new_statuses: frozenset[str] = frozenset()
    outside: int = 0
    """Rows that were left out, since they are far from the range that was asked for."""


@cache
def operations_table(channel: Channel) -> TableSpec:
    """The table of a channel, its columns in the order in which people read them."""
    return TableSpec(
        name=channel.table,
        description=f"operations of {channel.name}, one row each, as the API last sent them",
        key=("id",),
        columns=pa.schema(
            [
                required("id", TEXT),
                required("account", TEXT),
                pa.field("status", TEXT),
                required("created_at", TIMESTAMP),
                pa.field("updated_at", TIMESTAMP),
                *(pa.field(counter, pa.int64()) for counter in channel.counters),
                required("synced_at", TIMESTAMP),
                pa.field("extra", TEXT),
            ]
        ),
    )


def read_page(page: Page, *, channel: Channel, stamp: Stamp) -> PageTables:
    """Read the rows of a page, as they are; `stamp` is what each gets beside."""
    rows = page.rows
    if not isinstance(rows, pa.StructArray):
        return read_rows(rows, raw=lambda: raw_rows(page.body), channel=channel, stamp=stamp)
    try:
        return _read_columns(rows, channel=channel, stamp=stamp)
    except pa.ArrowInvalid:
        # A time that is no time, which only the cast finds.
        return read_page(plain_page(page.body), channel=channel, stamp=stamp)


def read_rows(
    operations: Sequence[Any], *, raw: RawRows, channel: Channel, stamp: Stamp
) -> PageTables:
    """Read rows that are decoded JSON, one by one; a row that cannot be read is rejected.

    Args:
        operations: The decoded rows.
        raw: Gives the same rows as the text they came as; called only if one must be rejected.
        channel: The channel that they come from.
        stamp: What every row gets beside.
    """
    sifted = sift(operations, channel=channel)
    rows, stats = sifted.rows, [row["stats"] for row in sifted.rows]
    statuses, new_statuses = _statuses(pa.array([row["status"] for row in rows], TEXT))
    new_fields: set[str] = set()
    table = _operations(
        ids=pa.array([row["id"] for row in rows], TEXT),
        statuses=statuses,
        created=_instants([row["createdAt"] for row in rows]),
        updated=_instants([row["updatedAt"] for row in rows]),
        counters=[_integers(stats, name) for name in channel.counters],
        extra=pa.array(_extra(sifted, new_fields), TEXT),
        channel=channel,
        stamp=stamp,
    )
    new = frozenset[str]().union(*stats) - frozenset(channel.counters)
    for column, names in _by_column(new, channel).items():
        # Rows may spell a counter differently, but no row has it twice.
        table = table.append_column(column, pc.coalesce(*(_integers(stats, n) for n in names)))
    return PageTables(
        operations=table,
        rejected=_rejected(sifted.rejections, raw=raw, channel=channel, stamp=stamp),
        new_counters=frozenset(_by_column(new, channel)),
        learned=new,
        new_fields=frozenset(new_fields),
        new_statuses=new_statuses,
    )


def within(table: pa.Table, span: Span) -> pa.Table:
    """The rows that were created in `span`, its start included and its end not."""
    created = table["created_at"]
    inside = pc.and_(
        pc.greater_equal(created, pa.scalar(span.start, TIMESTAMP)),
        pc.less(created, pa.scalar(span.end, TIMESTAMP)),
    )
    return table if pc.all(inside).as_py() is not False else table.filter(inside)


def first_sights(table: pa.Table, seen: set[str]) -> pa.Table:
    """The rows whose `id` is not in `seen`, each id once; `seen` takes their ids in."""
    ids: list[Any] = table["id"].to_pylist()
    fresh = set(ids) - seen
    seen |= fresh
    if len(fresh) == len(ids):
        return table
    first = {key: position for position, key in reversed([*enumerate(ids)]) if key in fresh}
    return table.take(pa.array(sorted(first.values()), pa.int64()))


def ids_before(table: pa.Table, instant: datetime) -> set[str]:
    """The ids of the rows that were created before `instant`."""
    old = pc.less(table["created_at"], pa.scalar(instant, TIMESTAMP))
    ids: list[Any] = table.filter(old)["id"].to_pylist() if pc.any(old).as_py() else []
    return set(ids)


def newest(table: pa.Table) -> datetime | None:
    """When the last of the rows was created; None without rows."""
    created: datetime | None = pc.max(table["created_at"]).as_py()
    return created


def rows_by_window(table: pa.Table, width: timedelta) -> dict[datetime, int]:
    """How many rows were created in each window of `width`, by its start; none without rows."""
    step = pa.scalar(width // timedelta(microseconds=1), pa.int64())
    numbers = pc.divide(pc.cast(table["created_at"], pa.int64()), step)
    counted: Any = pc.value_counts(numbers)
    return {EPOCH + row["values"] * width: row["counts"] for row in counted.to_pylist()}


def density(table: pa.Table) -> float:
    """Operations a second, between the first and the last that the table holds, less their chance.

    So few rows, which may lie close together by chance, do not pass for many; 0 for hardly any.
    """
    certain = table.num_rows - 1 - math.sqrt(table.num_rows)
    if certain <= 0:
        return 0.0
    first, last = pc.min(table["created_at"]).as_py(), pc.max(table["created_at"]).as_py()
    return float(certain / max(1.0, (last - first).total_seconds()))


def joined(tables: Sequence[pa.Table], *, key: str) -> pa.Table:
    """The tables as one, in which a `key` that came several times keeps its last row only.

    A column that some tables lack is NULL in their rows.
    """
    table = pa.concat_tables(tables, promote_options="default")
    if pc.count_distinct(table[key]).as_py() == table.num_rows:
        return table
    last = {value: position for position, value in enumerate(table[key].to_pylist())}
    return table.take(pa.array(sorted(last.values())))


def _read_columns(rows: pa.StructArray, *, channel: Channel, stamp: Stamp) -> PageTables:
    """Read rows that Arrow has parsed: documented fields, documented or learned counters."""
    statuses, new_statuses = _statuses(rows.field("status"))
    stats: Any = rows.field("stats")
    names = [stats.type.field(position).name for position in range(stats.type.num_fields)]
    counters = dict(zip(names, stats.flatten(), strict=True))  # NULL where a row has no stats.
    table = _operations(
        ids=rows.field("id"),
        statuses=statuses,
        created=pc.cast(rows.field("createdAt"), TIMESTAMP),
        updated=pc.cast(rows.field("updatedAt"), TIMESTAMP),
        counters=[counters.pop(name) for name in channel.counters],
        extra=pa.nulls(len(rows), TEXT),
        channel=channel,
        stamp=stamp,
    )
    new = {name for name, values in counters.items() if values.null_count < len(rows)}
    for column, names in _by_column(new, channel).items():
        table = table.append_column(column, pc.coalesce(*(counters[name] for name in names)))
    return PageTables(
        operations=table,
        rejected=REJECTED.empty(),
        new_counters=frozenset(_by_column(new, channel)),
        new_statuses=new_statuses,
    )


def _by_column(names: Iterable[str], channel: Channel) -> dict[str, list[str]]:
    """Counters by the column that they get."""
    columns: dict[str, list[str]] = {}
    for name in sorted(names):
        columns.setdefault(counter_column(name, channel=channel), []).append(name)
    return columns


def _operations(
    *,
    ids: pa.Array[Any],
    statuses: pa.Array[Any],
    created: pa.Array[Any],
    updated: pa.Array[Any],
    counters: Sequence[pa.Array[Any]],
    extra: pa.Array[Any],
    channel: Channel,
    stamp: Stamp,
) -> pa.Table:
    """The table of a page from the columns that the API gives."""
    count = len(ids)
    account = constant(stamp.account, TEXT, count)
    synced = constant(stamp.synced_at, TIMESTAMP, count)
    return pa.Table.from_arrays(
        [ids, account, statuses, created, updated, *counters, synced, extra],
        schema=operations_table(channel).columns,
    )


def _statuses(column: pa.Array[Any]) -> tuple[pa.Array[Any], frozenset[str]]:
    """The statuses in upper case, and those that the reference does not name."""
    upper = pc.utf8_upper(column)
    return upper, frozenset(filter(None, pc.unique(upper).to_pylist())) - frozenset(STATUSES)


def _instants(texts: list[str | None]) -> pa.Array[Any]:
    return pc.cast(pa.array(texts, TEXT), TIMESTAMP)


def _integers(stats: Sequence[Mapping[str, int]], name: str) -> pa.Array[Any]:
    return pa.array([counters.get(name) for counters in stats], pa.int64())


def _extra(sifted: Sifted, new_fields: set[str]) -> list[str | None]:
    """What has no column, as JSON text; names of fields met on the way go into `new_fields`."""
    extra: list[str | None] = []
    for position, row in enumerate(sifted.rows):
        if row.keys() <= FIELDS and position not in sifted.leftovers:
            extra.append(None)
            continue
        unknown = {name: value for name, value in row.items() if name not in FIELDS}
        new_fields.update(unknown)
        kept = unknown | sifted.leftovers.get(position, {})
        extra.append(msgspec.json.encode(kept, order="sorted").decode() if kept else None)
    return extra


def _rejected(
    rejections: Sequence[Rejection], *, raw: RawRows, channel: Channel, stamp: Stamp
) -> pa.Table:
    if not rejections:
        return REJECTED.empty()
    texts = raw()
    rows = [
        {
            "row_key": _row_key(stamp.account, channel.name, texts[rejection.position]),
            "account": stamp.account,
            "channel": channel.name,
            "operation_id": rejection.operation_id,
            "reason": rejection.reason,
            "raw": texts[rejection.position],
            "synced_at": stamp.synced_at,
        }
        for rejection in rejections
    ]
    return REJECTED.rows(rows)


def _row_key(account: str, channel: str, raw: str) -> str:
    return hashlib.sha256(msgspec.json.encode([account, channel, raw])).hexdigest()
