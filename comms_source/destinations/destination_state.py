"""Compares this machine's pipeline state with the destination.

dlt keeps a pipeline's state in a working folder and in the destination, and uses the newer one.
That is wrong if the destination was reset: a database that was restored from a backup lacks rows
that the local state covers. So if the destination does not contain the load that the local state
came from, the state in the destination is used.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dlt
from dlt.destinations.exceptions import DatabaseException

from comms_source.destinations.dlt_errors import translate_dlt_errors
from comms_source.destinations.dlt_internals import (
    has_sql_tables,
    has_staging,
    keeps_state,
    last_extracted,
    stored_pipeline_state,
)
from comms_source.destinations.locks import alone_in
from comms_source.destinations.pipeline import connected, describe_destination
from comms_source.destinations.queries import ask
from comms_source.errors import LoadFailed

SOURCE: Final = "comms_source"
"""The name of the source, and of its schema."""

logger = logging.getLogger("comms_source")


@dataclass(frozen=True, slots=True)
class DestinationState:
    """The state of the destination at the start of a run."""

    exists: bool
    """Whether the dataset exists."""
    goes_on: bool
    """Whether the destination contains the load that the local state came from."""
    is_same: bool
    """Whether the local state equals the state in the destination."""
    missing: tuple[str, ...] = ()
    """Tables that were loaded before, and do not exist or lack columns."""
    lacks_staging: bool = False
    """Whether a staging table is missing: it was dropped, or not needed yet."""


def read_destination_state(pipeline: dlt.Pipeline) -> DestinationState:
    """Connect to the destination once, and compare it with the local state.

    Raises:
        PipelineBusy: if another process has the DuckDB file locked.
        LoadFailed: if the destination cannot be reached, or rejects the login.
    """
    with translate_dlt_errors(), connected(pipeline) as client:
        own = last_extracted(pipeline)
        if client is not None and not keeps_state(client):
            return DestinationState(exists=True, goes_on=True, is_same=True)
        state = stored_pipeline_state(pipeline, client) if client is not None else None
        stored = state["_version_hash"] if state else None
        # Pending packages are based on the state before them; without any, all was loaded.
        base = based_on(pipeline) if pipeline.has_pending_data else own
        # The tables of a lake are folders, and are created on the first write.
        has_tables = own is not None and has_sql_tables(client)
        return DestinationState(
            exists=client is not None,
            goes_on=may_go_on(own=own, based_on=base, stored=stored),
            is_same=own is not None and own == stored,
            missing=tuple(_missing(client)) if has_tables else (),
            lacks_staging=has_tables and _lacks_staging(client),
        )


def adopt_stored_state(pipeline: dlt.Pipeline) -> None:
    """Drop the local state and pending packages, and continue from the destination's state."""
    with translate_dlt_errors(), alone_in(Path(pipeline.working_dir)):
        pipeline.drop()
        pipeline.activate()
        pipeline.sync_destination()
        if last_extracted(pipeline) is None:
            _forget_schema_versions(pipeline)


def _forget_schema_versions(pipeline: dlt.Pipeline) -> None:
    """Make dlt compare its schema with the existing tables.

    Without a state in the destination, one of dlt's own tables was dropped. dlt does not create it
    again as long as it finds a known version of the schema.
    """
    with connected(pipeline) as client:
        if has_sql_tables(client):
            _delete_versions(client)
        if has_staging(client):
            with client.with_staging_dataset():
                _delete_versions(client)


def _delete_versions(client: Any) -> None:
    query = "delete from {table} where schema_name = %s"
    ask(client.sql_client, query, SOURCE, table=client.schema.version_table_name)


def create_missing_tables(pipeline: dlt.Pipeline) -> None:
    """Create the missing tables and columns that dlt expects.

    Raises:
        LoadFailed: if one cannot be created: many databases cannot add a NOT NULL column.
    """
    with translate_dlt_errors(), pipeline.destination_client() as client:
        missing = ", ".join(_missing(client))
        try:
            client.update_stored_schema(force=True)
        except DatabaseException as error:
            raise LoadFailed(
                f"{describe_destination(pipeline)}: {missing} cannot be repaired ({error}); "
                "add the missing columns as they were, or drop the table, and load again"
            ) from None
        if has_staging(client):
            with client.with_staging_dataset():
                if client.is_storage_initialized():
                    client.update_stored_schema(force=True)


def _missing(client: Any) -> Iterator[str]:
    schema = client.schema
    loaded = schema.data_table_names(seen_data_only=True)
    return _lacking(client, [*loaded, *schema.dlt_table_names()])


def _lacks_staging(client: Any) -> bool:
    if not has_staging(client):
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
"""The key, in the source's state, of the hash of the state that its load package is based on."""


def based_on(pipeline: dlt.Pipeline) -> str | None:
    """The hash of the state before the local one; None if that is the first."""
    state: Any = pipeline.state
    found: str | None = state.get("sources", {}).get("comms_source", {}).get(BASED_ON)
    return found


def may_go_on(*, own: str | None, based_on: str | None, stored: str | None) -> bool:
    """Whether the destination contains the load that a machine's state came from.

    The arguments are hashes of states.

    Args:
        own: The machine's state; None before the first load.
        based_on: The state before the pending packages; `own` if there are none. None if these are
            the first.
        stored: The state in the destination; None if it has none.
    """
    # If `own` is stored, the last package was loaded, but not yet marked as loaded.
    return own is None or stored in {own, based_on}
