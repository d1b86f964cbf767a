"""The tables beside the operations: what was read, what was missed, and how the runs went. Pure."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from comms_source.tables.operations import REJECTED
from comms_source.tables.specs import TEXT, TIMESTAMP, TableSpec, required

RUN_OUTCOMES: Final = ("complete", "incomplete", "failed", "interrupted", "running")
"""The outcomes in the table `runs`."""

FOLLOWED_OUTCOMES: Final = ("active", "ended", "not_found")
"""The outcomes in the table `followed_operations`."""

ACKNOWLEDGED: Final = TableSpec(
    name="acknowledged_rejections",
    description="rejected rows that a person has acknowledged with comms rejected",
    key=("account", "channel", "subject"),
    columns=pa.schema(
        [
            required("account", TEXT),
            required("channel", TEXT),
            required("subject", TEXT),
            required("acknowledged_at", TIMESTAMP),
        ]
    ),
)
"""`subject` is what `subjects` gives. A table of its own, since a rejected row that is read again
replaces the stored one."""

COVERAGE: Final = TableSpec(
    name="coverage",
    description="windows of creation time: when each was last read, and whether completely",
    key=("account", "channel", "window_start", "window_end"),
    columns=pa.schema(
        [
            required("account", TEXT),
            required("channel", TEXT),
            required("window_start", TIMESTAMP),
            required("window_end", TIMESTAMP),
            required("read_at", TIMESTAMP),
            required("rows_read", pa.int64()),
            required("is_complete", pa.bool_()),
        ]
    ),
)

GAPS: Final = TableSpec(
    name="gaps",
    description="creation time, gap_end excluded, that cannot be read any more",
    key=("account", "channel", "gap_start"),
    columns=pa.schema(
        [
            required("account", TEXT),
            required("channel", TEXT),
            required("gap_start", TIMESTAMP),
            required("gap_end", TIMESTAMP),
            required("found_at", TIMESTAMP),
            required("reason", TEXT),
        ]
    ),
)
"""`reason` is `never read` where it was never read completely, or `rows missing` where rows that
had been loaded were no longer in the table."""

FOLLOWED: Final = TableSpec(
    name="followed_operations",
    description="operations that left the API's lists before they ended, requested by id",
    key=("account", "channel", "operation_id"),
    columns=pa.schema(
        [
            required("account", TEXT),
            required("channel", TEXT),
            required("operation_id", TEXT),
            required("created_at", TIMESTAMP),
            required("asked_at", TIMESTAMP),
            required("outcome", TEXT),
            pa.field("status", TEXT),
        ]
    ),
)
"""`outcome` is `active` while they go on, `ended`, or `not_found` since the API answered 404."""

RUNS: Final = TableSpec(
    name="runs",
    description="one row a run: what it read, what failed, and how it ended",
    key=("run_id",),
    columns=pa.schema(
        [
            required("run_id", TEXT),
            required("command", TEXT),
            required("account", TEXT),
            required("started_at", TIMESTAMP),
            pa.field("ended_at", TIMESTAMP),
            required("outcome", TEXT),
            pa.field("error", TEXT),
            required("requests", pa.int64()),
            required("retries", pa.int64()),
            required("waited_seconds", pa.float64()),
            required("operations", pa.int64()),
            required("rejected", pa.int64()),
            required("scans", pa.int64()),
            required("scans_failed", pa.int64()),
            required("gaps", pa.int64()),
            required("channels", TEXT),
            required("version", TEXT),
        ]
    ),
)
"""`outcome` is `running` until the last load package is loaded whole; of a run that died the next
one makes it `interrupted`."""

LABELS: Final = TableSpec(
    name="operation_labels",
    description="what the user knows of operations, such as their campaign; filled by the user",
    key=("account", "operation_id", "label", "value"),
    columns=pa.schema(
        [required(name, TEXT) for name in ("account", "operation_id", "label", "value")]
    ),
    has_load_id=False,
)

BOOKKEEPING: Final = (REJECTED, ACKNOWLEDGED, COVERAGE, GAPS, FOLLOWED, RUNS, LABELS)
"""All of them, in the order in which people read them."""


def subjects(rejected: pa.Table) -> list[str]:
    """What each rejected row is about: the operation's id, or the row's key if it has no id.

    An operation whose counters move is another row each time, and the same trouble.
    """
    found: list[Any] = pc.coalesce(rejected["operation_id"], rejected["row_key"]).to_pylist()
    return found
