"""New columns and tables on PostgreSQL, made before dlt loads, and without keeping readers waiting.

A column is added under a lock that waits for each query that reads the table, and all later readers
queue up behind it. So each try waits for half a second at most, and leaves readers a pause. What is
staged nobody reads; that is left to dlt's own load step, which finds the rest done.

Needs psycopg2, so import it only where the destination is PostgreSQL.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from typing import Any, Final

import dlt
import psycopg2  # type: ignore[import-untyped]
from dlt.destinations.exceptions import DatabaseException

from comms_source.config.waits import load_deadline
from comms_source.destinations.postgres_locks import first_line, hasty, is_not_now, users_of
from comms_source.errors import LoadFailed, PipelineBusy

logger = logging.getLogger("comms_source")

PAUSE: Final = 1.0
"""Seconds between two tries, in which readers get through."""


def ready_tables(pipeline: dlt.Pipeline, *, loading: Collection[str]) -> None:
    """Give the tables that are loaded into the columns that the schema has by now.

    Tries until `max_load_wait` has passed; what else PostgreSQL refuses, dlt's load step meets again.

    Raises:
        PipelineBusy: if somebody reads one of the tables all that time; it names the connection.
        LoadFailed: if PostgreSQL cannot be reached.
    """
    try:
        with pipeline.destination_client() as client:
            if _has_changes(client):
                _change(client, loading)
    except psycopg2.Error as error:
        raise LoadFailed(
            f"PostgreSQL cannot be reached: {first_line(error)}; load again, what was read is kept"
        ) from None


def _has_changes(client: Any) -> bool:
    """Whether the destination has a schema of dlt's, but not this version of it."""
    if client.get_stored_schema_by_hash(client.schema.stored_version_hash):
        return False
    there, _ = client.get_storage_table(client.schema.version_table_name)
    return bool(there)


def _change(client: Any, loading: Collection[str]) -> None:
    # The transaction is ours, so that its locks can have a timeout.
    client.capabilities.supports_ddl_transactions = False
    tables = {*loading, *client.schema.dlt_table_names()}
    deadline, waiting = load_deadline(), False
    while not _changed(client, tables):
        place = {"dataset": client.sql_client.dataset_name, "relations": sorted(tables)}
        users = users_of(client.sql_client.native_connection, **place)
        if not deadline.left:
            raise PipelineBusy(
                f"a table of {place['dataset']} needs a new column, and has been in use for as "
                f"long as this run may wait (max_load_wait, {deadline.allowed}): {users}. What was "
                "read is kept; load again when that is over, or end the connection: "
                "select pg_terminate_backend(PID)",
                waited=True,
            )
        if not waiting:
            logger.info("waiting: a table needs a new column, and is in use: %s", users)
        waiting = True
        time.sleep(min(PAUSE, deadline.left))


def _changed(client: Any, tables: Collection[str]) -> bool:
    """Try once; False if somebody has a lock."""
    try:
        with hasty(client.sql_client.native_connection):
            client.update_stored_schema(only_tables=sorted(tables))
    except DatabaseException as error:
        return not is_not_now(error.dbapi_exception)
    except psycopg2.Error as error:
        return not is_not_now(error)
    return True
