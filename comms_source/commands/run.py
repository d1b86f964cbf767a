"""One run: finish what a dead run left, read, load, make the views, and say how it went."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseException
from dlt.extract import DltResource

from comms_source.commands.summary import RunSummary
from comms_source.commands.views import update_views
from comms_source.destinations.commit import Then, commit
from comms_source.destinations.coverage_claims import withdraw_claims
from comms_source.destinations.crash_recovery import Found, finish_pending
from comms_source.destinations.dlt_errors import retry_while_locked, translate_dlt_errors
from comms_source.destinations.locks import exclusive_run
from comms_source.destinations.pipeline import describe_destination
from comms_source.destinations.stored_account import StoredAccount, changes_rows, stored_account
from comms_source.destinations.stored_details import details_work
from comms_source.dlt_resources.load_packages import detail_resources, package_resources
from comms_source.dlt_resources.shared_tables import bookkeeping_resources
from comms_source.errors import (
    ClockSkewed,
    CommsSourceError,
    LoadFailed,
    PipelineBusy,
    RunStopped,
)
from comms_source.extract.channel_run import ChannelRun
from comms_source.extract.details_run import PACKAGE_ROWS, DetailsRun
from comms_source.extract.parallel_scans import PageLimit
from comms_source.extract.run_record import RunRecord, settled
from comms_source.extract.session import Session
from comms_source.tables.bookkeeping import RUNS
from comms_source.tables.detail_tables import DETAILS
from comms_source.tables.specs import Piece
from comms_source.views.settings import view_settings

logger = logging.getLogger("comms_source")


ChannelRuns = Callable[[Session, StoredAccount], Sequence[ChannelRun]]
"""Makes the runs of all channels, once what a dead run left is out of the way."""


def run_channels(
    make_runs: ChannelRuns, *, session: Session, pipeline: dlt.Pipeline, command: str
) -> RunSummary:
    """Finish what a dead run left, then read and commit, package by package, and make the views.

    Raises:
        RunStopped: if nothing (more) can be loaded, or the destination does not take it.
    """
    settings = view_settings()  # Wrong ones are found before anything is read.
    with exclusive_run(pipeline, command=command):
        found = finish_pending(pipeline)
        concludes = changes_rows(pipeline)
        record = RunRecord(session=session, command=command, concludes=concludes)
        load_ids = _commit_all(make_runs, record=record, pipeline=pipeline, found=found)
        views = update_views(pipeline, settings)
    session = record.session
    return RunSummary(
        stats=session.stats,
        account=session.settings.account,
        started_at=session.now,
        ended_at=session.clock(),
        destination=describe_destination(pipeline),
        dataset=pipeline.dataset_name,
        load_ids=load_ids,
        views=views,
    )


def _commit_all(
    make_runs: ChannelRuns, *, record: RunRecord, pipeline: dlt.Pipeline, found: Found
) -> list[str]:
    runs = _made(make_runs, record=record, pipeline=pipeline, found=found)
    load_ids: list[str] = []
    try:
        while left := [run for run in runs if not run.done]:
            limit = PageLimit(record.session.settings.commit_pages)
            resources = package_resources(left, record=record, limit=limit)
            try:
                source = source_of(resources)
                load_ids += commit(
                    pipeline, source, then=_concluding(record, partial(_is_done, record, runs))
                )
            except ClockSkewed as skewed:
                record.session = corrected_by_the_api(record.session, skewed)
                runs = _made(make_runs, record=record, pipeline=pipeline, found=found)
        if record.session.settings.details:
            load_ids += _commit_details(record, pipeline, emptied=found.missing)
    except LoadFailed as failed:
        _conclude_failed(failed, record=record, pipeline=pipeline)
        raise
    except PipelineBusy:
        raise
    except RunStopped as stopped:
        _record_failure(stopped, record=record, pipeline=pipeline)
        raise
    return load_ids


def _commit_details(
    record: RunRecord, pipeline: dlt.Pipeline, *, emptied: Sequence[str]
) -> list[str]:
    """Read what is behind the counters that are loaded now, and commit it."""
    session = record.session
    work = retry_while_locked(details_work)(
        pipeline, settings=session.settings, now=session.now, emptied=emptied
    )
    run = DetailsRun(work=work, session=session, on_error="continue")
    existing = pipeline.default_schema.data_table_names(seen_data_only=True)
    if record.concludes and DETAILS.name in existing and work.plan.is_empty:
        # Nothing is to be loaded, and the row of the run has all its counts.
        with translate_dlt_errors(), pipeline.sql_client() as client:
            record.conclude(client)
        return []
    load_ids: list[str] = []
    while True:  # Also where nothing is due: the package brings the tables, or the run's outcome.
        source = source_of(detail_resources(run, record=record, most=PACKAGE_ROWS))
        load_ids += commit(pipeline, source, then=_concluding(record, lambda: run.done))
        if run.done:
            return load_ids


def _made(
    make_runs: ChannelRuns, *, record: RunRecord, pipeline: dlt.Pipeline, found: Found
) -> Sequence[ChannelRun]:
    session = record.session
    stored = retry_while_locked(stored_account)(
        pipeline, settings=session.settings, now=session.now, sound=found.is_sound
    )
    record.died = [settled(run.row, is_loaded=run.is_loaded) for run in stored.died]
    return make_runs(session, stored)


def corrected_by_the_api(session: Session, skewed: ClockSkewed) -> Session:
    """The session to go on with; a clock that jumps a second time ends the run."""
    if session.is_corrected:
        raise skewed
    logger.warning("%s; this run goes by the API's clock", skewed)
    return session.corrected(skewed.skew)


def _concluding(record: RunRecord, is_done: Callable[[], bool]) -> Then | None:
    """Sets the outcome of the run once its last package is loaded; None where nothing can."""

    def conclude(client: Any) -> None:
        if is_done():
            record.conclude(client)

    return conclude if record.concludes else None


def _is_done(record: RunRecord, runs: Sequence[ChannelRun]) -> bool:
    """Whether the run ends when its channels are read."""
    return not record.session.settings.details and all(run.done for run in runs)


def _conclude_failed(failed: LoadFailed, *, record: RunRecord, pipeline: dlt.Pipeline) -> None:
    """Have `runs` and `coverage` claim nothing of a package that was not loaded whole.

    The next run loads what is pending, or drops it.
    """
    if not record.concludes:
        return
    pending = pipeline.list_normalized_load_packages()
    error, load_id = type(failed).__name__, pending[-1] if pending else ""
    try:
        with translate_dlt_errors(), pipeline.sql_client() as client:
            record.conclude_failed(client, error=error, load_id=load_id)
    except (CommsSourceError, DatabaseException) as refused:
        logger.warning("the failed run could not be recorded: %s", refused)
    withdraw_claims(pipeline)


def _record_failure(stopped: RunStopped, *, record: RunRecord, pipeline: dlt.Pipeline) -> None:
    """Leave a row in `runs` that tells what ended the run; the error itself comes first."""
    try:
        row = Piece(RUNS, RUNS.rows([record.row(error=type(stopped).__name__)]))
        commit(pipeline, source_of(bookkeeping_resources([row])))
    except CommsSourceError as error:
        logger.warning("the failed run could not be recorded: %s", error)


def source_of(resources: Sequence[DltResource]) -> Any:
    """The resources as the source `comms_source`, under whose name dlt keeps the state."""
    return dlt.source(lambda: resources, name="comms_source", section="comms_source")()
