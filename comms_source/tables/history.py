"""How an operation unfolded: one row for each state of it that was seen. Pure.

A state is what makes a difference in a report: the status and all counters. Every row that was read
is staged; the destination keeps those whose version is not the one that it holds as current.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from comms_source.channels import Channel
from comms_source.tables.operations import operations_table
from comms_source.tables.specs import TableSpec, required
from comms_source.timespans import TICK

ROW_VERSION: Final = "row_version"
"""A digest of id, status and counters in 64 bits, the same on every machine and in every version of
this project: destinations compare what was read today with what was read last year."""

VALID_FROM: Final = "valid_from"
VALID_TO: Final = "valid_to"

_NO_COUNTERS: Final = frozenset(
    {"id", "account", "status", "created_at", "updated_at", "synced_at", "_dlt_load_id"}
)
_LEFT_OUT: Final = "extra"
"""May change without the operation being in another state."""

_SEPARATOR: Final = "\x1f"
_GOLDEN: Final = 0x9E3779B97F4A7C15
_STIR: Final = 0xBF58476D1CE4E5B9
"""The constants of the SplitMix64 generator, which spreads close numbers over all 64 bits."""


def package_date(read_by: datetime, *, last: datetime, is_same: bool) -> datetime:
    """When the states of a load package begin: after those of the package before it.

    Args:
        read_by: When what is in the package had been read.
        last: The date of the last package. It is later than `read_by` if the clock was set back.
        is_same: Whether that is the same package, dated by another channel.
    """
    return read_by if read_by >= last else last if is_same else last + TICK


@cache
def history_table(channel: Channel) -> TableSpec:
    """The table of a channel's states; the destination adds `valid_from` and `valid_to`."""
    kept = [field for field in operations_table(channel).columns if field.name != _LEFT_OUT]
    return TableSpec(
        name=channel.history_table,
        description=f"states of operations of {channel.name}, one row for each that was seen",
        key=("id", VALID_FROM),
        columns=pa.schema([*kept, required(ROW_VERSION, pa.int64())]),
        is_history=True,
    )


def history_rows(operations: pa.Table) -> pa.Table:
    """The states that rows of a channel's table show; no operation may be among them twice."""
    # A user's map may have added columns. Like those of new counters, those of numbers are kept.
    names = [
        field.name
        for field in operations.schema
        if field.name in _NO_COUNTERS or pa.types.is_int64(field.type)
    ]
    kept = operations.select(names)
    return kept.append_column(required(ROW_VERSION, pa.int64()), row_versions(kept))


def row_versions(operations: pa.Table) -> pa.Array[Any]:
    """The version of each row; two rows of one operation share it if they show the same state.

    Counters count by name, and not at all where they are NULL: a row that was read before the API
    had a counter keeps its version when the column is added.
    """
    total = _of_texts(operations["id"], operations["status"])
    for name in operations.schema.names:
        if name not in _NO_COUNTERS:
            total = pc.add(total, _of_counter(name, operations[name]))
    versions: pa.Array[Any] = pc.cast(_stirred(total), pa.int64(), safe=False)
    return versions


def _of_texts(*columns: Any) -> Any:
    texts: Any = pc.binary_join_element_wise(
        *columns, _SEPARATOR, null_handling="replace", null_replacement=""
    )
    digests = map(xxhash.xxh3_64_intdigest, pc.cast(texts, pa.binary()).to_pylist())
    return pa.array(list(digests), pa.uint64())


def _of_counter(name: str, values: Any) -> Any:
    """A number for the name and value together; 0 where the value is NULL."""
    salted = pc.add(pc.cast(values, pa.uint64(), safe=False), _number(_salt(name)))
    return pc.fill_null(_stirred(pc.multiply(salted, _number(_GOLDEN))), _number(0))


def _stirred(numbers: Any) -> Any:
    folded = pc.bit_wise_xor(numbers, pc.shift_right(numbers, _number(32)))
    multiplied = pc.multiply(folded, _number(_STIR))
    return pc.bit_wise_xor(multiplied, pc.shift_right(multiplied, _number(32)))


def _salt(name: str) -> int:
    return xxhash.xxh3_64_intdigest(name.encode())


def _number(value: int) -> pa.Scalar[Any]:
    return pa.scalar(value, pa.uint64())
