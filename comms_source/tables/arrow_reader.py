"""The fast parser: Arrow reads a page in columns, outside the interpreter.

No object is made for a value, and threads do not wait for each other. It is strict about types:
a page that is not as expected is left to `row_reader`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from comms_source.channels import Channel

_ONE_BLOCK: Final = pj.ReadOptions(use_threads=False, block_size=2**30)
"""An answer is read in one piece, however large it is."""


def read_documented(
    operations: bytes, *, channel: Channel, learned: frozenset[str] = frozenset()
) -> pa.StructArray | None:
    """The rows of a JSON array, or None where one of them is not as documented.

    Every row that is returned has an `id` and a `createdAt`, and no field without a column.

    Args:
        operations: JSON that a decoder has found to be complete: Arrow's reader ends the process
            on some text that is none.
        channel: The channel that the rows come from.
        learned: Counters beside the documented ones, whole numbers as well.
    """
    text: Any = pa.BufferReader(b'{"operations":%b}' % operations)
    try:
        table = pj.read_json(
            text,
            read_options=_ONE_BLOCK,
            parse_options=_parse_options(channel, learned),
            memory_pool=pa.system_memory_pool(),
        )
        # Arrow takes bytes for text as they are; only this looks whether they are UTF-8.
        table.validate(full=True)
    except pa.ArrowException:
        return None
    lists: Any = table["operations"].chunk(0)
    return None if lists.null_count else _named(lists.flatten())


def _named(rows: Any) -> pa.StructArray | None:
    ids, created = rows.field("id"), rows.field("createdAt")
    unnamed = rows.null_count or ids.null_count or created.null_count
    return None if unnamed or pc.index(ids, "").as_py() >= 0 else rows


@cache
def _parse_options(channel: Channel, learned: frozenset[str]) -> pj.ParseOptions:
    text = pa.string()
    stats = pa.struct([(counter, pa.int64()) for counter in (*channel.counters, *sorted(learned))])
    fields = [("id", text), ("status", text), ("stats", stats)]
    row = pa.struct([*fields, ("createdAt", text), ("updatedAt", text)])
    return pj.ParseOptions(
        explicit_schema=pa.schema([("operations", pa.list_(row))]),
        newlines_in_values=True,
        unexpected_field_behavior="error",
    )
