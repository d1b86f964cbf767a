"""What this machine remembers of a destination, compared with what the destination knows itself.

dlt keeps a pipeline's state in a working folder and in the destination, and believes the newer of
the two. That is wrong where the destination has gone back: a database that was restored from a
backup lacks rows that the state in the folder claims. So the destination decides: where it does
not know the load that the local state came from, its own state counts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dlt
from dlt.common.destination.client import WithStateSync
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation
from dlt.destinations.job_client_impl import SqlJobClientBase, SqlJobClientWithStagingDataset
from dlt.pipeline.state_sync import load_pipeline_state_from_destination

from comms_source.destinations.dlt_errors import translate_dlt_errors
from comms_source.destinations.locks import alone_in
from comms_source.destinations.pipeline import connected, place
from comms_source.errors import LoadFailed

SOURCE: Final = "comms_source"
"""The name of the source, and of its schema."""

logger = logging.getLogger("comms_source")


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look at the destination shows."""

    exists: bool
    """Whether the dataset is there."""
    goes_on: bool
    """Whether the local state came from a load that the destination knows."""
    is_same: bool
    """Whether it is the very state that the destination holds."""
    missing: tuple[str, ...] = ()
    """Tables that were loaded before, and are not there or lack columns."""
    lacks_staging: bool = False
    """Whether a staging table is missing: one that was dropped, or was never needed yet."""


def look(pipeline: dlt.Pipeline) -> Looked:
    """Connect to the destination once, and compare.

    Raises:
        PipelineBusy: if another process holds the DuckDB file.
        LoadFailed: if the destination does not let this machine in.
    """
    with translate_dlt_errors(), connected(pipeline) as client:
        own = last_extracted(pipeline)
        if client is not None and not isinstance(client, WithStateSync):
            return Looked(exists=True, goes_on=True, is_same=True)
        stored = _stored_hash(pipeline, client)
        # What is pending came from the state before it; all else was loaded.
        base = based_on(pipeline) if pipeline.has_pending_data else own
        # A lake's tables are folders, and are made when they are written to.
        has_tables = own is not None and isinstance(client, SqlJobClientBase)
        return Looked(
            exists=client is not None,
            goes_on=may_go_on(own=own, based_on=base, stored=stored),
            is_same=own is not None and own == stored,
            missing=tuple(_missing(client)) if has_tables else (),
            lacks_staging=has_tables and _lacks_staging(client),
        )


def take_over(pipeline: dlt.Pipeline) -> None:
    """Forget the local state and what is pending, and go on from what the destination knows."""
    with translate_dlt_errors(), alone_in(Path(pipeline.working_dir)):
        pipeline.drop()
        pipeline.activate()
        pipeline.sync_destination()
        if last_extracted(pipeline) is None:
            _forget_schema_versions(pipeline)


def _forget_schema_versions(pipeline: dlt.Pipeline) -> None:
    """Have dlt compare its schema with the tables that are there, where it finds no state.

    Someone has dropped a table of dlt's own. It would make none of them again as long as it finds a
    version of the schema that it knows.
    """
    with connected(pipeline) as client:
        if isinstance(client, SqlJobClientBase):
            _delete_versions(client)
        if isinstance(client, SqlJobClientWithStagingDataset):
            with client.with_staging_dataset():
                _delete_versions(client)


def _delete_versions(client: Any) -> None:
    table = client.sql_client.make_qualified_table_name(client.schema.version_table_name)
    with suppress(DatabaseUndefinedRelation):
        client.sql_client.execute_sql(f"delete from {table} where schema_name = %s", SOURCE)  # noqa: S608


def make_missing(pipeline: dlt.Pipeline) -> None:
    """Make the tables and columns that dlt takes to be there, and are not.

    Raises:
        LoadFailed: if one cannot be made: many databases add no column that may not be NULL.
    """
    with translate_dlt_errors(), pipeline.destination_client() as client:
        lacking = ", ".join(_missing(client))
        try:
            client.update_stored_schema(force=True)
        except DatabaseException as error:
            raise LoadFailed(
                f"{place(pipeline)}: {lacking} cannot be made whole again ({error}); add the "
                "missing columns as they were, or drop the table, and load again"
            ) from None
        if isinstance(client, SqlJobClientWithStagingDataset):
            with client.with_staging_dataset():
                if client.is_storage_initialized():
                    client.update_stored_schema(force=True)


def _stored_hash(pipeline: dlt.Pipeline, client: Any) -> str | None:
    """The hash of the state whose package was loaded last and whole; None where there is none."""
    if client is None:
        return None
    try:
        state: Any = load_pipeline_state_from_destination(pipeline.pipeline_name, client)
    except DestinationUndefinedEntity:
        return None
    found: str | None = state and state["_version_hash"]
    return found


def _missing(client: Any) -> Iterator[str]:
    schema = client.schema
    loaded = schema.data_table_names(seen_data_only=True)
    return _lacking(client, [*loaded, *schema.dlt_table_names()])


def _lacks_staging(client: Any) -> bool:
    if not isinstance(client, SqlJobClientWithStagingDataset):
        return False
    with client.with_staging_dataset():
        names = client.schema.data_table_names(seen_data_only=True)
        return client.is_storage_initialized() and any(_lacking(client, names))


def _lacking(client: Any, names: list[str]) -> Iterator[str]:
    sensitive = client.capabilities.generates_case_sensitive_identifiers()
    for name, columns in client.get_storage_tables(names):
        if client.schema.get_new_table_columns(name, columns, case_sensitive=sensitive):
            yield name


BASED_ON: Final = "based_on"
"""Where the state of the source keeps the hash of the state that its load package came from."""


def last_extracted(pipeline: dlt.Pipeline) -> str | None:
    """The hash of the local state as it was last extracted; None before the first load."""
    state: Any = pipeline.state
    found: str | None = state["_local"].get("_last_extracted_hash")
    return found


def based_on(pipeline: dlt.Pipeline) -> str | None:
    """The hash of the state before the last one; None where that was the first."""
    state: Any = pipeline.state
    found: str | None = state.get("sources", {}).get("comms_source", {}).get(BASED_ON)
    return found


def may_go_on(*, own: str | None, based_on: str | None, stored: str | None) -> bool:
    """Whether a machine's state came from a load that the destination knows.

    A state is named by its hash.

    Args:
        own: The machine's state; None where it has none yet.
        based_on: The state before the packages that are pending; `own` where none are. None where
            these are the first.
        stored: The state that the destination holds; None where it holds none.
    """
    # With the machine's own state stored, the last package was loaded, and not yet put away.
    return own is None or stored in {own, based_on}
