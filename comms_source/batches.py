"""Pages put together into pieces that are worth handing on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from comms_source.channels import Channel
from comms_source.tables import REJECTED_SCHEMA, PageTables, joined, operations_schema

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
