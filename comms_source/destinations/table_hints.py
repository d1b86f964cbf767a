"""The dlt hints of each table: name, key, write disposition, columns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TTableSchemaColumns

from comms_source.destinations.capabilities import TABLE_FORMAT, Capabilities
from comms_source.destinations.dlt_internals import py_arrow_to_table_schema_columns
from comms_source.destinations.lakes import CurrentStates
from comms_source.tables.history import ROW_VERSION, VALID_FROM, VALID_TO
from comms_source.tables.history_upserts import successors
from comms_source.tables.specs import TableSpec

_SCD2: Final[Any] = {
    "disposition": "merge",
    "strategy": "scd2",
    "row_version_column_name": ROW_VERSION,
    "validity_column_names": [VALID_FROM, VALID_TO],
}
"""A version that differs from the current one of its operation ends that, and becomes current."""


def table_hints(spec: TableSpec) -> dict[str, Any]:
    """The arguments of `dlt.resource` for the resource that owns a table."""
    hints: dict[str, Any] = {
        "name": spec.name,
        "columns": _columns(spec),
        "table_format": dlt.config.get(TABLE_FORMAT, str),
    }
    if spec.is_history:
        return hints | {"merge_key": "id", "write_disposition": _SCD2}
    return hints | {"primary_key": list(spec.key), "write_disposition": "merge"}


def _columns(spec: TableSpec) -> TTableSchemaColumns:
    columns = py_arrow_to_table_schema_columns(spec.schema)
    for name, column in columns.items():
        column["description"] = spec.described(name)
    if spec.key == ("id",):
        # If a load has two rows of one operation, the later one is kept.
        columns["synced_at"]["dedup_sort"] = "desc"
    return columns


class HistoryRows:
    """The history rows of one channel in one load package."""

    def __init__(
        self, spec: TableSpec, capabilities: Capabilities, *, read_by: Callable[[], datetime]
    ) -> None:
        """Open the stored history, if dlt does not merge it by itself.

        Args:
            spec: The table of the history.
            capabilities: What the destination can do.
            read_by: Returns when the states had been read.
        """
        self._spec = spec
        self._capabilities = capabilities
        self._read_by = read_by
        self._current: CurrentStates | None = None
        if capabilities.histories == "merged" and capabilities.table_format is not None:
            self._current = CurrentStates.open(spec.name, capabilities.table_format)

    def to_load(self, states: pa.Table) -> Any:
        """What to pass to dlt; None if the destination keeps no histories."""
        if self._capabilities.histories == "scd2":
            return states
        if self._current is None:
            return None
        rows = successors(states, self._current.of(states), read_at=self._read_by())
        hints = dlt.mark.make_hints(
            table_name=self._spec.name,
            table_format=self._capabilities.table_format,
            primary_key=list(self._spec.key),
            write_disposition="merge",
        )
        return dlt.mark.with_hints(rows, hints, create_table_variant=True)
