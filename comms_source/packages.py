"""Load packages: committing one, and what becomes of one that a dead run left behind."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import dlt
import pyarrow as pa
from dlt.common.pipeline import LoadInfo
from dlt.destinations.job_client_impl import SqlJobClientWithStagingDataset
from dlt.pipeline.exceptions import PipelineStepFailed

from comms_source.errors import PipelineBusy
from comms_source.lakes import ready_iceberg
from comms_source.locks import alone_in, in_turn
from comms_source.source import SECTIONS
from comms_source.staged import take_back
from comms_source.warehouse import explained, held_open, loads_into_file, reach
from comms_source.windows import parse_duration

logger = logging.getLogger("comms_source")

LOCK_WAIT: Final = "30 seconds"
SECONDS_BETWEEN_TRIES: Final = 0.5
TRUNCATE_STAGING: Final = "load.truncate_staging_dataset"
JOBS_AT_ONCE: Final = 4
"""More of them take more memory at the same time, and are no faster."""
MOST_BYTES_AT_ONCE: Final = 12_000_000
"""Of Parquet, some 250,000 operations: beyond that, load jobs into a file follow each other."""

P = ParamSpec("P")
T = TypeVar("T")


def commit(pipeline: dlt.Pipeline, source: Any) -> list[str]:
    """Extract `source` and load it; returns the load ids.

    While another program holds a DuckDB file, loading is tried again for `lock_wait`. What was read
    stays in the pipeline's folder if that is not enough, and the next run loads it.

    Raises:
        RunStopped: if nothing can be loaded.
    """

    def attempt() -> list[str]:
        # What was extracted is pending, and must not be extracted again.
        if not pipeline.has_pending_data:
            pipeline.extract(source)
        return _load(pipeline)

    return patient(attempt)()


def _load(pipeline: dlt.Pipeline) -> list[str]:
    """Load what was extracted, when it is this run's turn; returns the load ids."""
    pipeline.normalize()
    with in_turn(pipeline):
        ready_iceberg(pipeline)
        return _load_now(pipeline)


def _load_now(pipeline: dlt.Pipeline) -> list[str]:
    if not loads_into_file(pipeline):
        return _load_ids(pipeline.load())
    # DuckDB takes its memory from elsewhere, so what Arrow keeps for later would come on top.
    pa.default_memory_pool().release_unused()
    if dlt.config.get(TRUNCATE_STAGING, bool) is None:
        # What was merged would be written to the file a second time, and stay there for nothing.
        dlt.config[TRUNCATE_STAGING] = True
    with held_open(pipeline):
        return _load_ids(pipeline.load(workers=_jobs_at_once(pipeline)))


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
    """`action`, tried again for as long as `lock_wait` says while its destination is held."""

    def patiently(*arguments: P.args, **named: P.kwargs) -> T:
        began = time.monotonic()
        while True:
            try:
                with explained():
                    return action(*arguments, **named)
            except PipelineBusy as busy:
                if time.monotonic() >= began + _lock_wait():
                    raise
                logger.info("waiting: %s", busy)
            time.sleep(SECONDS_BETWEEN_TRIES)

    return patiently


def finish_pending(pipeline: dlt.Pipeline) -> None:
    """Load what a run that died had read already, or drop it: dlt would load nothing else before.

    Dropping takes the ledger back with it, so this run reads what was dropped again, and what the
    API has forgotten meanwhile is recorded as a gap.

    Raises:
        RunStopped: if the destination cannot be reached.
    """
    known = patient(reach)(pipeline)
    _sweep(pipeline)
    # Where nothing was ever loaded, dlt would take what is pending for a leftover and remove it.
    if known or not pipeline.first_run:
        patient(_sync)(pipeline)
    if not pipeline.has_pending_data:
        return
    try:
        patient(_load_pending)(pipeline)
        logger.warning("an earlier run had died; what it had read has now been loaded")
    except _Unloadable:
        with explained():
            pipeline.abort_packages()
        logger.warning("an earlier run had died; what it had read was dropped and is read again")


def _sync(pipeline: dlt.Pipeline) -> None:
    """Take over what the destination remembers; dlt may empty the folder for that."""
    with alone_in(Path(pipeline.working_dir)):
        pipeline.sync_destination()


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


def _lock_wait() -> float:
    told = dlt.config.get(".".join((*SECTIONS, "lock_wait")), str) or LOCK_WAIT
    return parse_duration(told).total_seconds()
