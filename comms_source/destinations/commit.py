"""Load packages: committing one, and what becomes of one that a dead run left behind."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.pipeline import LoadInfo

from comms_source.destinations.dlt_errors import retry_while_locked
from comms_source.destinations.duckdb_file import (
    TRUNCATE_STAGING,
    held_open,
    loads_into_file,
    share_threads,
)
from comms_source.destinations.lakes import ready_iceberg, tables_to_load
from comms_source.destinations.locks import in_turn
from comms_source.destinations.postgres import postgres_credentials

logger = logging.getLogger("comms_source")


Then = Callable[[Any], None]
"""What to do with a SQL client of the destination, once a package is loaded whole."""


def commit(pipeline: dlt.Pipeline, source: Any, *, then: Then | None = None) -> list[str]:
    """Extract `source` and load it; returns the load ids.

    While another program holds a DuckDB file, loading is retried for `max_lock_wait`. If that is
    not enough, what was read stays in the pipeline's folder, and the next run loads it.

    Args:
        pipeline: The pipeline.
        source: What to extract.
        then: What to do once it is loaded, on the connection that is open.

    Raises:
        RunStopped: if nothing can be loaded.
    """

    def attempt() -> list[str]:
        # What was extracted is pending, and must not be extracted again.
        if not pipeline.has_pending_data:
            pipeline.extract(source)
        return load_extracted(pipeline, then)

    return retry_while_locked(attempt)()


def load_extracted(pipeline: dlt.Pipeline, then: Then | None = None) -> list[str]:
    """Load what was extracted, when it is this run's turn; returns the load ids."""
    pipeline.normalize()
    with in_turn(pipeline):
        ready_iceberg(pipeline)
        return _load_now(pipeline, then)


def _load_now(pipeline: dlt.Pipeline, then: Then | None) -> list[str]:
    if postgres_credentials(pipeline):
        from comms_source.destinations.postgres_tables import ready_tables  # noqa: PLC0415 - needs psycopg2

        ready_tables(pipeline, loading=tables_to_load(pipeline))
    if not loads_into_file(pipeline):
        load_ids = _load_ids(pipeline.load(**_options(pipeline)))
        if then is not None:
            with pipeline.sql_client() as client:
                then(client)
        return load_ids
    # DuckDB takes its memory from elsewhere, so what Arrow keeps for later would come on top.
    pa.default_memory_pool().release_unused()
    if dlt.config.get(TRUNCATE_STAGING, bool) is None:
        # What was merged would be written to the file a second time, and stay there for nothing.
        dlt.config[TRUNCATE_STAGING] = True
    with held_open(pipeline) as client:
        load_ids = _load_ids(pipeline.load(workers=share_threads(pipeline, client)))
        if then is not None:
            then(client)
    return load_ids


def _options(pipeline: dlt.Pipeline) -> dict[str, Any]:
    """One job at a time in SQLite: it has one writer, and a job that waits for another one fails.

    Elsewhere, and where `load.workers` is set, what dlt does by itself.
    """
    is_sqlite = pipeline.destination_client().capabilities.sqlglot_dialect == "sqlite"
    is_configured = dlt.config.get("load.workers", int) is not None
    return {"workers": 1} if is_sqlite and not is_configured else {}


def _load_ids(info: LoadInfo | None) -> list[str]:
    return [] if info is None else list(info.loads_ids)
