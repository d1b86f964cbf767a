"""Reads the tables of a lake as Arrow, without SQL, with the libraries that dlt uses to merge."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import dlt
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.schema.typing import TTableFormat, TTableSchemaColumns

from comms_source.destinations.dlt_internals import (
    SupportsOpenTables,
    columns_to_arrow,
    new_table,
)
from comms_source.tables.history import VALID_TO


class CurrentStates:
    """The current states in one history before the load package that is being extracted."""

    def __init__(self, table: Any) -> None:
        """Use a table of the format's library; None if there is no history yet."""
        self._table = table

    @classmethod
    def open(cls, table: str, table_format: TTableFormat) -> CurrentStates:
        """Open a history in the destination of the active pipeline."""
        return cls(_open(table, table_format))

    def of(self, seen: pa.Table) -> pa.Table | None:
        """The history's current rows of the operations in `seen`; None without a history."""
        if not seen.num_rows or self._table is None:
            return None
        created: Any = pc.min_max(seen["created_at"]).as_py()
        reader = _current(self._table, first=created["min"], last=created["max"])
        ids = seen["id"].combine_chunks().cast(reader.schema.field("id").type)
        batches = [batch.filter(pc.is_in(batch["id"], value_set=ids)) for batch in reader]
        return pa.Table.from_batches(batches, schema=reader.schema)


def _open(name: str, table_format: TTableFormat) -> Any:
    """The table as an object of its library; None before it is created."""
    client: Any = dlt.current.pipeline().destination_client()
    if name not in client.schema.tables:
        # Another pipeline may have created it, so this one's schema does not contain it.
        client.schema = client.schema.clone()
        client.schema.update_table(new_table(name, table_format=table_format))
    return _table(client, name, table_format)


def _table(client: Any, name: str, table_format: TTableFormat) -> Any:
    try:
        return client.load_open_table(table_format, name)
    except DestinationUndefinedEntity:
        return None


def _current(table: Any, *, first: datetime, last: datetime) -> pa.RecordBatchReader:
    """The current rows of operations that were created in `[first, last]`."""
    if hasattr(table, "to_pyarrow_dataset"):
        created = pc.field("created_at")
        wanted = (created >= first) & (created <= last) & pc.field(VALID_TO).is_null()
        reader: pa.RecordBatchReader = table.to_pyarrow_dataset().scanner(filter=wanted).to_reader()
        return reader
    created_within = f"created_at >= '{first.isoformat()}' and created_at <= '{last.isoformat()}'"
    scan = table.scan(row_filter=f"{created_within} and {VALID_TO} is null")
    found: pa.RecordBatchReader = scan.to_arrow_batch_reader()
    return found


def ready_iceberg(pipeline: dlt.Pipeline) -> None:
    """Repair Iceberg tables so that dlt can load into them; only while no other run is loading.

    The latest snapshot of a table may lack columns. dlt adds them to the table, but PyIceberg
    merges with the columns of the snapshot, and fails if some are missing.

    On a local disk, a killed run may have left an incomplete metadata file, which dlt would use as
    the latest.
    """
    known = pipeline.default_schema.tables
    for name in sorted(tables_to_load(pipeline)):
        if known[name].get("table_format") == "iceberg":
            _repair(pipeline, name, known[name]["columns"])


def _repair(pipeline: dlt.Pipeline, name: str, columns: TTableSchemaColumns) -> None:
    client: Any = pipeline.destination_client()
    if issubclass(type(client), SupportsOpenTables):
        _remove_broken_metadata(client, name)
        expected = columns_to_arrow(columns, client.capabilities, "UTC")
        _add_columns(_table(client, name, "iceberg"), expected)


def tables_to_load(pipeline: dlt.Pipeline) -> set[str]:
    """The tables that pending packages have jobs for."""
    packages = map(pipeline.get_load_package_info, pipeline.list_normalized_load_packages())
    jobs = [
        job
        for package in packages
        for job in (*package.jobs["new_jobs"], *package.jobs["started_jobs"])
    ]
    return {job.job_file_info.table_name for job in jobs}


def _remove_broken_metadata(client: Any, name: str) -> None:
    folder = Path(client.get_table_dir(name)) / "metadata"
    if not client.is_local_filesystem or not folder.exists():
        return
    for latest in sorted(folder.glob("*.metadata.json"))[-1:]:
        try:
            msgspec.json.decode(latest.read_bytes())
        except msgspec.DecodeError:
            latest.unlink()


def _add_columns(table: Any, columns: pa.Schema) -> None:
    snapshot = table and table.current_snapshot()
    if not snapshot:
        return
    there = set(table.schemas()[snapshot.schema_id].column_names)
    missing = [column for column in columns if column.name not in there]
    if missing:
        with table.update_schema() as update:
            update.union_by_name(pa.schema(missing))
        table.append(table.schema().as_arrow().empty_table())
