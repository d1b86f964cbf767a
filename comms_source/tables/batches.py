"""Pages put together into pieces that are worth handing on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

from comms_source.channels import Channel
from comms_source.tables.bookkeeping import RECORDS, REJECTED, Record
from comms_source.tables.history import history_rows
from comms_source.tables.operations import REJECTED_SCHEMA, PageTables, joined, operations_schema

BATCH_ROWS: Final = 20_000
"""How many rows are handed on at a time: some tens of full pages."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A piece of what was read: no operation is in it twice."""

    operations: pa.Table
    rejected: pa.Table


def batches(pages: Iterable[PageTables]) -> Iterator[Batch]:
    """The pages in pieces of `BATCH_ROWS` or a little more; each is handed on once it is full."""
    held: list[PageTables] = []
    rows = 0
    for page in pages:
        held.append(page)
        rows += page.operations.num_rows + page.rejected.num_rows
        if rows >= BATCH_ROWS:
            yield batch_of(held)
            held, rows = [], 0
    if rows:
        yield batch_of(held)


def empty_batch(channel: Channel) -> Batch:
    """No rows, and the shape of the tables."""
    return Batch(operations_schema(channel).empty_table(), REJECTED_SCHEMA.empty_table())


def batch_of(pages: Sequence[PageTables]) -> Batch:
    """The pages as one piece, of each operation the last row."""
    return Batch(
        operations=joined([page.operations for page in pages], key="id"),
        rejected=joined([page.rejected for page in pages], key="row_key"),
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one table: of the channel's operations, of their history, or of records."""

    rows: pa.Table
    kind: Record | Literal["operations", "history"] = "operations"

    def table(self, channel: Channel) -> str:
        """The name of the table."""
        if isinstance(self.kind, Record):
            return self.kind.table
        return channel.table if self.kind == "operations" else channel.history_table


def shapes(channel: Channel) -> Iterator[Piece]:
    """No rows, for every table that a channel's resource fills, so that all of them come to be."""
    yield from pieces(empty_batch(channel), channel=channel, history=True)
    yield from (Piece(record.empty(), record) for record in RECORDS if record is not REJECTED)


def pieces(batch: Batch, *, channel: Channel, history: bool) -> Iterator[Piece]:
    """What a batch brings to each table."""
    yield Piece(batch.operations)
    if history:
        yield Piece(history_rows(batch.operations, channel), "history")
    yield Piece(batch.rejected, REJECTED)
