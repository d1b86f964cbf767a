"""Whether the destination lets a load create what it needs, found out without leaving a trace."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import dlt
from dlt.destinations.exceptions import DatabaseException

from comms_source.destinations.dlt_errors import root_message, translate_dlt_errors
from comms_source.destinations.dlt_internals import has_sql_tables, has_staging
from comms_source.destinations.duckdb_file import duckdb_path, require_folder
from comms_source.errors import LoadFailed

_PROBE: Final = "comms_check"
"""A table that is created and taken back."""
_TRANSACTIONAL: Final = frozenset({"duckdb", "postgres", "redshift"})
"""The dialects in which a table that was created can be taken back. In Snowflake, for example, it
would stay, although dlt says that it does not."""


class _TakenBack(Exception):
    """What was tried went well."""


def check_write_permission(pipeline: dlt.Pipeline) -> None:
    """Create a table in each dataset of a load, in a transaction that is rolled back.

    A dataset that does not exist is created in it too. Where tables cannot be created in
    transactions, or are files in a bucket, nothing is tried.

    Raises:
        LoadFailed: if the destination refuses, or cannot be reached.
        PipelineBusy: if another process has the DuckDB file locked.
    """
    client = pipeline.destination_client()
    file = duckdb_path(client.config.credentials)
    if file is not None and not file.exists():
        require_folder(file)
    elif folder := _local_folder(client.config):
        _check_folder(folder)
    elif has_sql_tables(client) and client.capabilities.sqlglot_dialect in _TRANSACTIONAL:
        with translate_dlt_errors(), client:
            datasets = [client.sql_client.dataset_name]
            if has_staging(client):
                datasets.append(client.sql_client.staging_dataset_name)
            for dataset in datasets:
                _try_to_create(client.sql_client, dataset)


def _try_to_create(sql_client: Any, dataset: str) -> None:
    try:
        with (
            suppress(_TakenBack),
            sql_client.with_alternative_dataset_name(dataset),
            sql_client.begin_transaction(),
        ):
            if not sql_client.has_dataset():
                sql_client.create_dataset()
            table = sql_client.make_qualified_table_name(_PROBE)
            sql_client.execute_sql(f"create table {table} (id integer)")
            raise _TakenBack
    except DatabaseException as error:
        raise LoadFailed(
            f"nothing can be written to {dataset}: {root_message(error)}; let the destination's "
            "user create schemas and the tables in them"
        ) from None


def _local_folder(configuration: Any) -> Path | None:
    """The folder of a lake on this machine."""
    if not getattr(configuration, "is_local_filesystem", False):
        return None
    return Path(configuration.make_local_path(configuration.bucket_url))


def _check_folder(folder: Path) -> None:
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise LoadFailed(
            f"{folder} cannot be written to: {there} is no folder, or not writable; change that, "
            "or set destination.filesystem.bucket_url to another"
        )
