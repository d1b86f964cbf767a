"""What a table is: its columns, its key, and how its rows meet those that are stored. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import pyarrow as pa

from comms_source.tables.descriptions import DESCRIPTIONS

TEXT: Final = pa.string()
TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
LOAD_ID: Final[pa.Field[Any]] = pa.field("_dlt_load_id", TEXT, nullable=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableSpec:
    """One table of the dataset."""

    name: str
    """The name of the table, and of the dlt resource that owns it."""
    description: str
    key: tuple[str, ...]
    """The columns that tell one row from another; a row replaces the stored one of its key."""
    columns: pa.Schema
    """Its columns but `_dlt_load_id`, which is added when the rows go to dlt."""
    is_history: bool = False
    """Whether a row is a state of `id` that ends the state before it, and replaces none."""
    has_load_id: bool = True
    """Whether rows say which load they came with; not where users write them."""

    @property
    def schema(self) -> pa.Schema:
        """All columns of the table."""
        return pa.schema([*self.columns, *([LOAD_ID] if self.has_load_id else [])])

    @property
    def column_names(self) -> list[str]:
        """The names of all columns in the destination."""
        return [*self.schema.names, *(["valid_from", "valid_to"] if self.is_history else [])]

    def rows(self, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
        """Rows of the table; what a row lacks is NULL."""
        return pa.Table.from_pylist([*rows], schema=self.columns)

    def empty(self) -> pa.Table:
        """No rows, and the shape of the table."""
        return self.columns.empty_table()

    def described(self, column: str) -> str:
        """What a column means; empty for one that the API added."""
        return DESCRIPTIONS.get(f"{self.name}.{column}") or DESCRIPTIONS.get(column, "")


class Piece(NamedTuple):
    """Rows of one table."""

    spec: TableSpec
    rows: pa.Table


def required(name: str, kind: pa.DataType) -> pa.Field[Any]:
    """A column that is never NULL."""
    return pa.field(name, kind, nullable=False)


def constant(value: Any, kind: pa.DataType, count: int) -> pa.Array[Any]:
    """A column with the same value in `count` rows."""
    scalar: Any = pa.scalar(value, kind)
    column: pa.Array[Any] = pa.repeat(scalar, count)
    return column


def with_load_id(rows: pa.Table, load_id: str) -> pa.Table:
    """The rows as part of a load."""
    return rows.append_column(LOAD_ID, constant(load_id, TEXT, rows.num_rows))
