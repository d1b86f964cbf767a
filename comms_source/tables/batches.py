"""Pages put together into pieces that are worth handing on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from comms_source.channels import Channel
from comms_source.tables.operations import REJECTED, PageTables, joined, operations_table
from comms_source.tables.specs import Piece

BATCH_ROWS: Final = 20_000
"""How many rows are handed on at a time: some tens of full pages."""


def batches(pages: Iterable[PageTables], *, channel: Channel) -> Iterator[Piece]:
    """The pages in pieces of `BATCH_ROWS` or a little more; each is handed on once it is full."""
    held: list[PageTables] = []
    rows = 0
    for page in pages:
        held.append(page)
        rows += page.operations.num_rows + page.rejected.num_rows
        if rows >= BATCH_ROWS:
            yield from pieces_of(held, channel=channel)
            held, rows = [], 0
    if rows:
        yield from pieces_of(held, channel=channel)


def pieces_of(pages: Sequence[PageTables], *, channel: Channel) -> Iterator[Piece]:
    """The rows of some pages, by table; of each operation the last row. None without pages."""
    if not pages:
        return
    operations = joined([page.operations for page in pages], key="id")
    if operations.num_rows:
        yield Piece(operations_table(channel), operations)
    rejected = joined([page.rejected for page in pages], key="row_key")
    if rejected.num_rows:
        yield Piece(REJECTED, rejected)
