"""Resources of the tables that channels share: the bookkeeping, and details.

Each is a transformer of one parent, which yields the rows of all of them. So they are extracted in
the order in which they come, and a user of dlt can select each table by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import dlt
from dlt.extract import DltResource

from comms_source.destinations.current_package import current_load_id
from comms_source.destinations.table_hints import table_hints
from comms_source.tables.bookkeeping import BOOKKEEPING
from comms_source.tables.specs import Piece, TableSpec, with_load_id

PARENT: Final = "bookkeeping"
"""The resource from which those of the bookkeeping tables take their rows."""

DETAILS_PARENT: Final = "details"
"""The resource from which those of the tables of details take their rows."""


def bookkeeping_resources(pieces: Iterable[Piece]) -> list[DltResource]:
    """The resources of the bookkeeping tables, for rows that are there already."""
    return tables_of(PARENT, BOOKKEEPING, lambda: iter(pieces))


def tables_of(
    parent_name: str,
    specs: Sequence[TableSpec],
    produce: Callable[[], Iterator[Piece | None]],
) -> list[DltResource]:
    """A resource that yields rows of several tables, and a transformer for each of the tables."""

    def pieces() -> Iterator[Piece | None]:
        for spec in specs:
            if is_missing(spec):
                yield Piece(spec, spec.empty())
        for piece in produce():
            if piece is None or piece.rows.num_rows:
                yield piece

    parent: Any = dlt.resource(pieces, name=parent_name, selected=False)

    def table(spec: TableSpec) -> DltResource:
        def rows(piece: Piece) -> Any:
            if piece.spec is not spec:
                return None
            return with_load_id(piece.rows, current_load_id()) if spec.has_load_id else piece.rows

        resource: DltResource = dlt.transformer(rows, data_from=parent, **table_hints(spec))
        return resource

    return [parent, *map(table, specs)]


def is_missing(spec: TableSpec) -> bool:
    """Whether nothing was ever loaded into a table, so that it does not exist."""
    return spec.name not in dlt.current.source_schema().data_table_names(seen_data_only=True)
