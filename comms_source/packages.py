"""Load packages: committing one, and what becomes of one that a dead run left behind."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import dlt
import pyarrow as pa
from dlt.common.pipeline import LoadInfo
from dlt.destinations.job_client_impl import SqlJobClientWithStagingDataset
from dlt.pipeline.exceptions import PipelineStepFailed

from comms_source.destination_state import look, make_missing, take_over
from comms_source.errors import PipelineBusy
from comms_source.lakes import ready_iceberg, tables_to_load
from comms_source.locks import alone_in, in_turn
from comms_source.postgres import postgres_credentials
from comms_source.staged import take_back
from comms_source.waits import lock_wait
from comms_source.warehouse import explained, held_open, loads_into_file, place

logger = logging.getLogger("comms_source")

SECONDS_BETWEEN_TRIES: Final = 0.5
TRUNCATE_STAGING: Final = "load.truncate_staging_dataset"
JOBS_AT_ONCE: Final = 4
"""More of them take more memory at the same time, and are no faster."""
MOST_BYTES_AT_ONCE: Final = 12_000_000
"""Of Parquet, some 250,000 operations: beyond that, load jobs into a file follow each other."""

P = ParamSpec("P")
T = TypeVar("T")


Then = Callable[[Any], None]
"""What to do with a SQL client of the destination, once a package is loaded whole."""


def commit(pipeline: dlt.Pipeline, source: Any, *, then: Then | None = None) -> list[str]:
    """Extract `source` and load it; returns the load ids.

    While another program holds a DuckDB file, loading is tried again for `lock_wait`. What was read
    stays in the pipeline's folder if that is not enough, and the next run loads it.

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
        return _load(pipeline, then)

    return patient(attempt)()


def _load(pipeline: dlt.Pipeline, then: Then | None = None) -> list[str]:
    """Load what was extracted, when it is this run's turn; returns the load ids."""
    pipeline.normalize()
    with in_turn(pipeline):
        ready_iceberg(pipeline)
        return _load_now(pipeline, then)


def _load_now(pipeline: dlt.Pipeline, then: Then | None) -> list[str]:
    if postgres_credentials(pipeline):
        from comms_source.postgres_tables import ready_tables  # noqa: PLC0415 - needs psycopg2

        ready_tables(pipeline, loading=tables_to_load(pipeline))
    if not loads_into_file(pipeline):
        load_ids = _load_ids(pipeline.load())
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
        load_ids = _load_ids(pipeline.load(workers=_jobs_at_once(pipeline)))
        if then is not None:
            then(client)
    return load_ids


def _load_ids(info: LoadInfo | None) -> list[str]:
    return [] if info is None else list(info.loads_ids)


def _jobs_at_once(pipeline: dlt.Pipeline) -> int:
    """How many jobs dlt runs at once on a DuckDB file: `load.workers` if it is set.

    Large ones follow each other: DuckDB spreads each of them over all cores, and several at once
    only take several times the memory.
    """
    files = Path(pipeline.working_dir).glob("load/normalized/**/*.parquet")
    large = sum(file.stat().st_size for file in files) > MOST_BYTES_AT_ONCE
    return dlt.config.get("load.workers", int) or (1 if large else JOBS_AT_ONCE)


def patient(action: Callable[P, T]) -> Callable[P, T]:
    """`action`, tried again while its destination is held, for `lock_wait` once refused."""

    def patiently(*arguments: P.args, **named: P.kwargs) -> T:
        # What goes before, such as reading the API or a turn to wait for, may take its time.
        first_refused: float | None = None
        while True:
            try:
                with explained():
                    return action(*arguments, **named)
            except PipelineBusy as busy:
                now = time.monotonic()
                first_refused = now if first_refused is None else first_refused
                if busy.waited or now >= first_refused + lock_wait():
                    raise
                logger.info("waiting: %s", busy)
            time.sleep(SECONDS_BETWEEN_TRIES)

    return patiently


@dataclass(slots=True)
class Found:
    """In what shape a run finds the destination, and what this machine knows of it."""

    went_back: bool = False
    """Whether the destination did not know the last load of this machine."""
    missing: tuple[str, ...] = ()
    """Tables that were not there any more, or lacked columns, and have been made again."""
    had_pending: bool = False
    """Whether a run that died had left a load package."""

    @property
    def is_sound(self) -> bool:
        """Whether all was as the last run had left it."""
        return not (self.went_back or self.missing or self.had_pending)


def finish_pending(pipeline: dlt.Pipeline) -> Found:
    """Load what a run that died had read already, or drop it: dlt would load nothing else before.

    Dropping takes the ledger back with it, so this run reads what was dropped again, and what the
    API has forgotten meanwhile is recorded as a gap.

    Raises:
        RunStopped: if the destination cannot be reached.
    """
    _sweep(pipeline)
    found = _take_up(pipeline)
    if not pipeline.has_pending_data:
        return found
    found.had_pending = True
    try:
        patient(_load_pending)(pipeline)
        logger.warning("an earlier run had died; what it had read has now been loaded")
    except _Unloadable:
        with explained():
            pipeline.abort_packages()
        logger.warning("an earlier run had died; what it had read was dropped and is read again")
    return found


def _sync(pipeline: dlt.Pipeline) -> None:
    """Take over what the destination remembers; dlt may empty the folder for that."""
    with alone_in(Path(pipeline.working_dir)):
        pipeline.sync_destination()


def _take_up(pipeline: dlt.Pipeline) -> Found:
    """Go on from what the destination knows, and make again the tables that are missing."""
    found, looked = Found(), patient(look)(pipeline)
    if not looked.goes_on:
        found.went_back = True
        logger.warning(
            "%s does not hold the last load of this machine (a restored backup, or another "
            "database); going on from what it holds",
            place(pipeline),
        )
        patient(take_over)(pipeline)
        looked = patient(look)(pipeline)
    elif not looked.is_same and (looked.exists or not pipeline.first_run):
        # Where nothing was ever loaded, dlt would take what is pending for a leftover.
        patient(_sync)(pipeline)
        looked = patient(look)(pipeline)
    if looked.missing or looked.lacks_staging:
        found.missing = looked.missing
        patient(make_missing)(pipeline)
    if looked.missing:
        logger.warning(
            "%s: made again, since missing: %s; what is still to be had is read again",
            place(pipeline),
            ", ".join(looked.missing),
        )
    return found


class _Unloadable(Exception):
    """The destination is there, and does not take the package."""


def _load_pending(pipeline: dlt.Pipeline) -> None:
    try:
        with explained():
            with in_turn(pipeline):
                take_back(pipeline)
            _load(pipeline)
    except PipelineBusy:
        raise
    except Exception as error:
        if isinstance(error.__cause__, PipelineStepFailed):
            raise _Unloadable from error
        raise


def forget_lane(pipeline: dlt.Pipeline) -> None:
    """Remove what a lane leaves that nobody needs any more: staging tables and working folder.

    Raises:
        RunStopped: if the destination cannot be reached.
    """
    patient(_drop_staging)(pipeline)
    with alone_in(Path(pipeline.working_dir)):
        shutil.rmtree(pipeline.working_dir, ignore_errors=True)


def _drop_staging(pipeline: dlt.Pipeline) -> None:
    with in_turn(pipeline), pipeline.destination_client() as client:
        if not isinstance(client, SqlJobClientWithStagingDataset):
            return
        with client.with_staging_dataset():
            if client.is_storage_initialized():
                client.sql_client.drop_dataset()


def _sweep(pipeline: dlt.Pipeline) -> None:
    """Remove what extracts that were killed had written: dlt starts anew and leaves it for ever."""
    for left in Path(pipeline.working_dir).glob("normalize/*"):
        if left.is_dir() and left.name != "extracted":
            shutil.rmtree(left, ignore_errors=True)
