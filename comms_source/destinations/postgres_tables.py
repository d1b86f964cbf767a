"""Adds new columns and tables on PostgreSQL before dlt loads, without blocking readers for long.

Adding a column needs a lock that waits for each query that reads the table, and all later readers
queue up behind it. So each attempt waits for half a second at most, then pauses for the readers.
Staging tables have no readers, so they are left to dlt's own load step.

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
from comms_source.destinations.postgres_locks import (
    first_line,
    is_lock_conflict,
    short_lock_timeout,
    users_of,
)
from comms_source.errors import LoadFailed, PipelineBusy

logger = logging.getLogger("comms_source")

PAUSE: Final = 1.0
"""Seconds between two attempts, in which waiting readers can run."""


def ready_tables(pipeline: dlt.Pipeline, *, loading: Collection[str]) -> None:
    """Add the new columns of the schema to the tables that are about to be loaded.

    Retries until `max_load_wait` has passed. Other errors are left to dlt's load step.

    Raises:
        PipelineBusy: if one of the tables is in use all that time; the message names the
            connections.
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
    """Whether the destination has a schema of dlt's, but not the current version."""
    if client.get_stored_schema_by_hash(client.schema.stored_version_hash):
        return False
    exists, _ = client.get_storage_table(client.schema.version_table_name)
    return bool(exists)


def _change(client: Any, loading: Collection[str]) -> None:
    # Without dlt's own transaction, ours can set a lock timeout.
    client.capabilities.supports_ddl_transactions = False
    tables = {*loading, *client.schema.dlt_table_names()}
    deadline, waiting = load_deadline(), False
    while not _changed(client, tables):
        dataset = client.sql_client.dataset_name
        connection = client.sql_client.native_connection
        users = users_of(connection, dataset=dataset, relations=sorted(tables))
        if not deadline.left:
            raise PipelineBusy(
                f"a table of {dataset} needs a new column, but is still in use: {users}. Gave up "
                f"after max_load_wait ({deadline.allowed}). What was read is kept: load again when "
                "the table is free, or end that connection: select pg_terminate_backend(PID)",
                waited=True,
            )
        if not waiting:
            logger.info("waiting: a table needs a new column, but is in use: %s", users)
        waiting = True
        time.sleep(min(PAUSE, deadline.left))


def _changed(client: Any, tables: Collection[str]) -> bool:
    """Try once; False if another connection holds a lock."""
    try:
        with short_lock_timeout(client.sql_client.native_connection):
            client.update_stored_schema(only_tables=sorted(tables))
    except DatabaseException as error:
        return not is_lock_conflict(error.dbapi_exception)
    except psycopg2.Error as error:
        return not is_lock_conflict(error)
    return True
