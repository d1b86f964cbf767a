"""Crash recovery: load what a dead run has read, or drop it.

Rows go to a staging table, and from there into their own. dlt notes each job when the destination
has committed it, and finishes a dead run's package by running the jobs that are not noted. A run
that is killed between the two stages its rows twice. Operations do not mind, since their merge
removes duplicates. Histories would: `scd2` takes each staged row for a state of its own. So staging
tables with a job of unknown outcome are emptied, and their jobs run again.

Dropping such packages instead would be simpler. It would lose rows where a machine is down for
longer than the API's retention, and the package holds the only copy.
"""

from __future__ import annotations

import logging
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.pipeline.exceptions import PipelineStepFailed

from comms_source.destinations.commit import load_extracted
from comms_source.destinations.coverage_claims import withdraw_claims
from comms_source.destinations.destination_state import (
    adopt_stored_state,
    create_missing_tables,
    read_destination_state,
)
from comms_source.destinations.dlt_errors import retry_while_locked, translate_dlt_errors
from comms_source.destinations.dlt_internals import PackageJobs, has_staging
from comms_source.destinations.duckdb_file import create_file
from comms_source.destinations.locks import alone_in, in_turn
from comms_source.destinations.pipeline import describe_destination
from comms_source.errors import PipelineBusy

logger = logging.getLogger("comms_source")


def requeue_unknown_jobs(pipeline: dlt.Pipeline) -> None:
    """Empty the staging tables that have a job of unknown outcome, and re-queue all their jobs."""
    with pipeline.destination_client() as client:
        if not has_staging(client):
            return
        for load_id in pipeline.list_normalized_load_packages():
            jobs = PackageJobs(pipeline, load_id)
            tables = jobs.tables_in_doubt()
            with client.with_staging_dataset():
                for table in sorted(tables):
                    # Snowflake skips a file that it has loaded, until its table is truncated.
                    with suppress(DatabaseUndefinedRelation):
                        client.sql_client.truncate_tables(table)
            for table in tables:
                jobs.run_again(table)


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

    Dropping takes the coverage back with it, so this run reads what was dropped again, and what the
    API has forgotten meanwhile is recorded as a gap.

    Raises:
        RunStopped: if the destination cannot be reached.
    """
    _sweep(pipeline)
    retry_while_locked(create_file)(pipeline)
    found = _take_up(pipeline)
    if not pipeline.has_pending_data:
        return found
    found.had_pending = True
    try:
        retry_while_locked(_load_pending)(pipeline)
        logger.warning("recovered: loaded the data that an interrupted run had already read")
    except _Unloadable:
        withdraw_claims(pipeline)
        with translate_dlt_errors():
            pipeline.abort_packages()
        logger.warning(
            "an interrupted run left data that could not be loaded; it is discarded and read again"
        )
    return found


def _sync(pipeline: dlt.Pipeline) -> None:
    """Take over what the destination remembers; dlt may empty the folder for that."""
    with alone_in(Path(pipeline.working_dir)):
        pipeline.sync_destination()


def _take_up(pipeline: dlt.Pipeline) -> Found:
    """Go on from what the destination knows, and make again the tables that are missing."""
    found, looked = Found(), retry_while_locked(read_destination_state)(pipeline)
    if not looked.goes_on:
        found.went_back = True
        logger.warning(
            "%s does not hold the last load of this machine (a restored backup, or another "
            "database); going on from what it holds",
            describe_destination(pipeline),
        )
        retry_while_locked(adopt_stored_state)(pipeline)
        looked = retry_while_locked(read_destination_state)(pipeline)
    elif not looked.is_same and (looked.exists or not pipeline.first_run):
        # Where nothing was ever loaded, dlt would take what is pending for a leftover.
        retry_while_locked(_sync)(pipeline)
        looked = retry_while_locked(read_destination_state)(pipeline)
    if looked.missing or looked.lacks_staging:
        found.missing = looked.missing
        retry_while_locked(create_missing_tables)(pipeline)
    if looked.missing:
        logger.warning(
            "%s: made again, since missing: %s; what is still to be had is read again",
            describe_destination(pipeline),
            ", ".join(looked.missing),
        )
    return found


class _Unloadable(Exception):
    """The destination is there, and does not take the package."""


def _load_pending(pipeline: dlt.Pipeline) -> None:
    try:
        with translate_dlt_errors():
            with in_turn(pipeline):
                requeue_unknown_jobs(pipeline)
            load_extracted(pipeline)
    except PipelineBusy:
        raise
    except Exception as error:
        if isinstance(error.__cause__, PipelineStepFailed):
            raise _Unloadable from error
        raise


def _sweep(pipeline: dlt.Pipeline) -> None:
    """Remove the files of extracts that were killed: dlt never reads or deletes them."""
    for left in Path(pipeline.working_dir).glob("normalize/*"):
        if left.is_dir() and left.name != "extracted":
            shutil.rmtree(left, ignore_errors=True)
