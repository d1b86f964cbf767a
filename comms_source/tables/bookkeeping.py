"""The tables beside the operations: what was read, what was missed, and how the runs went. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from comms_source.tables.operations import REJECTED_SCHEMA, TIMESTAMP

_LOAD_ID: Final[pa.Field[Any]] = pa.field("_dlt_load_id", pa.string(), nullable=False)


@dataclass(frozen=True, slots=True)
class Record:
    """One kind of record: its table, the columns that tell one from another, and all columns."""

    table: str
    key: tuple[str, ...]
    schema: pa.Schema

    def rows(self, rows: Sequence[Mapping[str, Any]], *, load_id: str) -> pa.Table:
        """Records as a table; each is part of the load `load_id`."""
        return pa.Table.from_pylist(
            [{**row, "_dlt_load_id": load_id} for row in rows], schema=self.schema
        )

    def empty(self) -> pa.Table:
        """No records, and the shape of the table."""
        return self.schema.empty_table()


def _record(table: str, key: tuple[str, ...], columns: Sequence[tuple[str, Any]]) -> Record:
    """A record whose columns may be NULL where their name ends with a question mark."""
    fields = [
        pa.field(name.removesuffix("?"), kind, nullable=name.endswith("?"))
        for name, kind in columns
    ]
    return Record(table, key, pa.schema([*fields, _LOAD_ID]))


REJECTED: Final = Record("rejected_operations", ("row_key",), REJECTED_SCHEMA)

COVERAGE: Final = _record(
    "coverage",
    ("account", "channel", "window_start", "window_end"),
    [
        ("account", pa.string()),
        ("channel", pa.string()),
        ("window_start", TIMESTAMP),
        ("window_end", TIMESTAMP),
        ("read_at", TIMESTAMP),
        ("rows_read", pa.int64()),
        ("is_complete", pa.bool_()),
    ],
)
"""One row a channel and window: when its latest reading began, how many rows that brought, and
whether any reading of it was complete: begun after it closed, ended before the API forgot any."""

GAPS: Final = _record(
    "gaps",
    ("account", "channel", "gap_start"),
    [
        ("account", pa.string()),
        ("channel", pa.string()),
        ("gap_start", TIMESTAMP),
        ("gap_end", TIMESTAMP),
        ("found_at", TIMESTAMP),
        ("reason", pa.string()),
    ],
)
"""Creation time, `gap_start` included and `gap_end` not, that cannot be read any more. `reason` is
`never read` where it was never read completely, or `rows missing` where rows that had been loaded
were no longer in the table."""

FOLLOWED: Final = _record(
    "followed_operations",
    ("account", "channel", "operation_id"),
    [
        ("account", pa.string()),
        ("channel", pa.string()),
        ("operation_id", pa.string()),
        ("created_at", TIMESTAMP),
        ("asked_at", TIMESTAMP),
        ("outcome", pa.string()),
        ("status?", pa.string()),
    ],
)
"""Operations that left the lists before they ended and are asked for by id: `active` while they go
on, `ended`, or `not_found` since the API answered 404."""

RUNS: Final = _record(
    "runs",
    ("run_id",),
    [
        ("run_id", pa.string()),
        ("command", pa.string()),
        ("account", pa.string()),
        ("started_at", TIMESTAMP),
        ("ended_at?", TIMESTAMP),
        ("outcome", pa.string()),
        ("error?", pa.string()),
        ("requests", pa.int64()),
        ("retries", pa.int64()),
        ("waited_seconds", pa.float64()),
        ("operations", pa.int64()),
        ("rejected", pa.int64()),
        ("scans", pa.int64()),
        ("scans_failed", pa.int64()),
        ("gaps", pa.int64()),
        ("channels", pa.string()),
        ("version", pa.string()),
    ],
)
"""One row a run. `outcome` is `running` until its last load package is loaded whole; of a run that
died the next one makes it `interrupted`."""

LABELS: Final = Record(
    "operation_labels",
    ("account", "operation_id", "label", "value"),
    pa.schema(
        pa.field(name, pa.string(), nullable=False)
        for name in ("account", "operation_id", "label", "value")
    ),
)
"""What the user knows of operations, such as their campaign. Made empty, and filled by the user."""

RECORDS: Final = (REJECTED, COVERAGE, GAPS, FOLLOWED, RUNS, LABELS)
