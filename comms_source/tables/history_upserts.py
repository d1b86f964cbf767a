"""Histories where dlt cannot keep them: the rows to merge are worked out before a load. Pure.

What comes out is what dlt's `scd2` makes in a database: a state that is not the operation's current
one ends that and follows it, and a state that is read again adds nothing. Merged by `upsert` on
`KEY`, the same rows may be merged any number of times.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from comms_source.tables.history import ROW_VERSION, VALID_FROM, VALID_TO
from comms_source.tables.specs import TIMESTAMP

KEY: Final = ("id", VALID_FROM)
"""What tells one row of a history from another."""

_FROM: Final[pa.Field[Any]] = pa.field(VALID_FROM, TIMESTAMP, nullable=False)
_UNTIL: Final[pa.Field[Any]] = pa.field(VALID_TO, TIMESTAMP)
_TICK: Final = pa.scalar(1, pa.duration("us"))


def successors(seen: pa.Table, current: pa.Table | None, *, read_at: datetime) -> pa.Table:
    """The rows that make the states in `seen` follow those that a history holds.

    A new state is valid from `read_at`, or from just after the state that it ends began, where that
    is later. New rows come before those that they end: where a merge stops between them, two states
    of an operation are current, never none, and the next call ends the former.

    Args:
        seen: States as `history_rows` gives them, one an operation.
        current: The rows of the history without an end, of these operations or of more; None where
            there is no history yet.
        read_at: When `seen` had been read, in UTC.
    """
    held = _held(seen, current)
    followed: Any = _followed(held)
    latest = held.filter(pc.invert(followed))
    place: Any = pc.index_in(seen["id"], value_set=latest["id"].combine_chunks())
    differs: Any = pc.not_equal(latest[ROW_VERSION].take(place), seen[ROW_VERSION])
    is_new: Any = pc.fill_null(differs, True)
    ends_one: Any = pc.and_(is_new, pc.is_valid(place))
    begins = _begins(latest[VALID_FROM].take(place), read_at)
    rows = [
        _from(seen.filter(is_new), begins.filter(is_new)),
        _until(latest.take(place.filter(ends_one)), begins.filter(ends_one)),
        _until(held.filter(followed), _next(held[VALID_FROM]).filter(followed)),
    ]
    return pa.concat_tables(rows, promote_options="default")


def _held(seen: pa.Table, current: pa.Table | None) -> pa.Table:
    """The current rows of the operations in `seen`, typed as those, by operation and time."""
    known = pa.schema([*seen.schema, _FROM, _UNTIL])
    if current is None:
        return known.empty_table()
    fields = [known.field(f.name) if f.name in known.names else f for f in current.schema]
    rows = current.filter(pc.is_in(current["id"], value_set=seen["id"].combine_chunks()))
    return rows.cast(pa.schema(fields)).sort_by([("id", "ascending"), (VALID_FROM, "ascending")])


def _followed(held: pa.Table) -> Any:
    """Which rows have a later one of their operation behind them."""
    goes_on: Any = pc.equal(held["id"], _next(held["id"]))
    return pc.fill_null(goes_on, False)


def _next(column: Any) -> Any:
    """Each row's successor in a column; the last one has none."""
    return pa.chunked_array([*column.slice(1).chunks, pa.nulls(min(1, len(column)), column.type)])


def _begins(followed_from: Any, read_at: datetime) -> Any:
    """When states begin that follow others, or none: after those, or two would share a key."""
    read = pa.scalar(read_at, TIMESTAMP)
    too_late = pc.fill_null(pc.greater_equal(followed_from, read), False)
    return pc.if_else(too_late, pc.add(followed_from, _TICK), read)


def _from(rows: pa.Table, begins: Any) -> pa.Table:
    endless = pa.nulls(rows.num_rows, TIMESTAMP)
    return rows.append_column(_FROM, begins).append_column(_UNTIL, endless)


def _until(rows: pa.Table, ends: Any) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(VALID_TO), _UNTIL, ends)
