"""One run: finish what a dead run left, read, load, make the views, and say how it went."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import dlt
from dlt.destinations.exceptions import DatabaseException
from dlt.extract import DltResource

from comms_source.accounts import Account
from comms_source.backfill import Backfill
from comms_source.batches import empty_batch
from comms_source.budget import Budget
from comms_source.channels import CHANNELS, Channel
from comms_source.errors import (
    ClockSkewed,
    CommsSourceError,
    ConfigurationError,
    LoadFailed,
    PipelineBusy,
    RunStopped,
)
from comms_source.extracting import ChannelRun
from comms_source.fetching import fetch_operations
from comms_source.lanes import claims, in_lane
from comms_source.locks import in_turn, only_run
from comms_source.packages import Found, Then, commit, finish_pending, forget_lane, patient
from comms_source.records import COVERAGE
from comms_source.run_log import RunLog
from comms_source.session import Session
from comms_source.source import (
    SECTIONS,
    checked,
    failed_run_resource,
    fetched_resource,
    package_resources,
)
from comms_source.stored_rows import StoredAccount, changes_rows, stored_account
from comms_source.summaries import FetchSummary, RunSummary
from comms_source.view_settings import ViewSettings
from comms_source.views import create_views, refresh_views
from comms_source.warehouse import explained, place, reach
from comms_source.windows import SECOND, Span, align_down, align_up, parse_duration, to_iso

logger = logging.getLogger("comms_source")

_UNCLAIM: Final = "update {table} set is_complete = false where _dlt_load_id = %s"


def run_load(*, session: Session, pipeline: dlt.Pipeline) -> RunSummary:
    """Read all that is due, load it and make the views; failures of walks are in the summary.

    In a lane, the views are left to whoever runs the lanes.

    Raises:
        RunStopped: if nothing (more) can be loaded, or the destination does not take it.
    """
    return run_channels(_due_runs, session=session, pipeline=pipeline, command="load")


def run_backfill(
    *, session: Session, pipeline: dlt.Pipeline, since: datetime, until: datetime | None
) -> RunSummary:
    """Read what was created in `[since, until)`, a day at a time, as far as it is not done yet.

    Raises:
        ConfigurationError: if the range holds no time, or time that is still to come.
        RunStopped: if nothing (more) can be loaded, or the destination does not take it.
    """
    backfill_span(since=since, until=until, now=session.now)  # Refuse it before anything is done.
    in_a_lane = in_lane(pipeline.pipeline_name)

    def runs(session: Session, stored: StoredAccount) -> list[ChannelRun]:
        span = backfill_span(since=since, until=until, now=session.now)
        backfill = Backfill(span, open_end=until is None, in_lane=in_a_lane)
        return [
            ChannelRun(
                channel=channel,
                session=session,
                on_error="continue",
                backfill=backfill,
                elsewhere=None if in_a_lane else stored.elsewhere[channel.name],
            )
            for channel in session.settings.selected
        ]

    summary = run_channels(runs, session=session, pipeline=pipeline, command="backfill")
    if in_a_lane and summary.journal.read_all:
        forget_lane(pipeline)
    return summary


def backfill_span(*, since: datetime, until: datetime | None, now: datetime) -> Span:
    """The range of a backfill, in whole seconds; up to `now` where no end is given.

    Raises:
        ConfigurationError: if the range holds no time, or time that is still to come.
    """
    start, end = align_down(since, SECOND), now if until is None else align_up(until, SECOND)
    if end > now:
        raise ConfigurationError(f"until: {to_iso(end)} is still to come; leave it out to mean now")
    if start >= now:
        raise ConfigurationError(f"since: {to_iso(start)} is still to come; there is nothing yet")
    if start >= end:
        raise ConfigurationError(
            f"since: {to_iso(start)} does not come before the end, {to_iso(end)}; dates without a "
            "time mean midnight in UTC"
        )
    return Span(start, end)


ChannelRuns = Callable[[Session, StoredAccount], Sequence[ChannelRun]]
"""Makes the runs of all channels, once what a dead run left is out of the way."""


def _due_runs(session: Session, stored: StoredAccount) -> list[ChannelRun]:
    return [
        ChannelRun(
            channel=channel,
            session=session,
            on_error="continue",
            elsewhere=stored.elsewhere[channel.name],
            stored=stored.channels[channel.name],
        )
        for channel in session.settings.selected
    ]


def run_channels(
    make_runs: ChannelRuns, *, session: Session, pipeline: dlt.Pipeline, command: str
) -> RunSummary:
    """Finish what a dead run left, then read and commit, package by package, and make the views.

    Raises:
        RunStopped: if nothing (more) can be loaded, or the destination does not take it.
    """
    told = view_settings()
    with _claimed(session, pipeline, command=command):
        found = finish_pending(pipeline)
        concludes = changes_rows(pipeline)
        log = RunLog(session=session, command=command, concludes=concludes)
        load_ids = _commit_all(make_runs, log=log, pipeline=pipeline, found=found)
        session = log.session
        views = [] if in_lane(pipeline.pipeline_name) else _views(pipeline, told)
    return RunSummary(
        journal=session.journal,
        account=session.settings.account,
        started_at=session.now,
        ended_at=session.clock(),
        destination=place(pipeline),
        dataset=pipeline.dataset_name,
        load_ids=load_ids,
        views=views,
    )


@contextmanager
def _claimed(session: Session, pipeline: dlt.Pipeline, *, command: str) -> Iterator[None]:
    """Keep others from loading the same: all of the channels, or in a lane its range alone."""
    name, settings = pipeline.pipeline_name, session.settings
    of_a_range = in_lane(name) and command == "backfill"
    channels = [] if of_a_range else [channel.name for channel in settings.selected]
    claimed = claims(name, account=settings.account, channels=channels)
    with only_run(pipeline, command=command, claims=claimed):
        yield


def _commit_all(
    make_runs: ChannelRuns, *, log: RunLog, pipeline: dlt.Pipeline, found: Found
) -> list[str]:
    runs = _made(make_runs, log=log, pipeline=pipeline, found=found)
    load_ids: list[str] = []
    others = _others([run.channel for run in runs])
    try:
        while left := [run for run in runs if not run.done]:
            budget = Budget(log.session.settings.commit_pages)
            resources = package_resources(left, log=log, budget=budget)
            try:
                source = _source_of([*resources, *others])
                load_ids += commit(pipeline, source, then=_concluding(log, runs))
            except ClockSkewed as skewed:
                log.session = _by_the_clock_of_the_api(log.session, skewed)
                runs = _made(make_runs, log=log, pipeline=pipeline, found=found)
                continue
            others = []
    except LoadFailed as failed:
        _take_back_claims(failed, log=log, pipeline=pipeline)
        raise
    except PipelineBusy:
        raise
    except RunStopped as stopped:
        _record_failure(stopped, log=log, pipeline=pipeline)
        raise
    return load_ids


def _made(
    make_runs: ChannelRuns, *, log: RunLog, pipeline: dlt.Pipeline, found: Found
) -> Sequence[ChannelRun]:
    session = log.session
    stored = patient(stored_account)(
        pipeline, settings=session.settings, now=session.now, sound=found.is_sound
    )
    log.died = [] if in_lane(pipeline.pipeline_name) else stored.died
    return make_runs(session, stored)


def _by_the_clock_of_the_api(session: Session, skewed: ClockSkewed) -> Session:
    """The session to go on with; a clock that jumps a second time ends the run."""
    if session.is_corrected:
        raise skewed
    logger.warning("%s; this run goes by the API's clock", skewed)
    return session.corrected(skewed.skew)


def _concluding(log: RunLog, runs: Sequence[ChannelRun]) -> Then | None:
    """Sets the outcome of the run once its last package is loaded; None where nothing can."""

    def conclude(client: Any) -> None:
        if all(run.done for run in runs):
            log.conclude(client)

    return conclude if log.concludes else None


def _take_back_claims(failed: LoadFailed, *, log: RunLog, pipeline: dlt.Pipeline) -> None:
    """Have `runs` and `coverage` claim nothing of a package that was not loaded whole.

    Jobs of one package are loaded side by side, so theirs may have ended well. The next run loads
    what is pending, or drops it, and states coverage again.
    """
    if not log.concludes:
        return
    pending = pipeline.list_normalized_load_packages()
    try:
        with explained(), pipeline.sql_client() as client:
            error, load_id = type(failed).__name__, pending[-1] if pending else ""
            log.conclude_failed(client, error=error, load_id=load_id)
            table = client.make_qualified_table_name(COVERAGE.table)
            for load_id in pending:
                client.execute_sql(_UNCLAIM.format(table=table), load_id)
    except (CommsSourceError, DatabaseException) as error:
        logger.warning("what the failed load claims could not be taken back yet: %s", error)


def _record_failure(stopped: RunStopped, *, log: RunLog, pipeline: dlt.Pipeline) -> None:
    """Leave a row in `runs` that tells what ended the run; the error itself comes first."""
    try:
        commit(pipeline, _source_of([failed_run_resource(log, error=type(stopped).__name__)]))
    except CommsSourceError as error:
        logger.warning("the failed run could not be recorded: %s", error)


def fetch_anywhere(
    *, accounts: Sequence[Account], pipeline: dlt.Pipeline, ids: Sequence[str]
) -> FetchSummary:
    """Ask one account after the other for operations, until one has them, and load them.

    Raises:
        RunStopped: if the destination does not take them, or each account was stopped; it is what
            stopped the first.
    """
    found: dict[str, str] = {}
    failures: dict[str, str] = {}
    stopped: list[RunStopped] = []
    for account in accounts:
        left = [name for name in dict.fromkeys(ids) if name not in found]
        if not left:
            break
        try:
            session = Session(settings=account.settings)
            fetched = run_fetch(session=session, pipeline=pipeline, ids=left)
        except LoadFailed:
            raise
        except RunStopped as error:
            stopped.append(error)
            failures |= dict.fromkeys(left, f"account {account.name}: {error}")
            continue
        found |= fetched.found
        failures |= fetched.failures
    if stopped and len(stopped) == len(accounts):
        raise stopped[0]
    failures = {name: why for name, why in failures.items() if name not in found}
    unknown = [name for name in dict.fromkeys(ids) if name not in found and name not in failures]
    return FetchSummary(found, unknown, failures)


def run_fetch(*, session: Session, pipeline: dlt.Pipeline, ids: Sequence[str]) -> FetchSummary:
    """Ask for single operations and load those that there are.

    Raises:
        RunStopped: if nothing can be loaded, or the destination does not take it.
    """
    with _claimed(session, pipeline, command="fetch"):
        finish_pending(pipeline)
        channels = session.settings.selected
        try:
            fetched = fetch_operations(session=session, ids=ids, channels=channels)
        except ClockSkewed as skewed:
            session = _by_the_clock_of_the_api(session, skewed)
            fetched = fetch_operations(session=session, ids=ids, channels=channels)
        resources = [
            fetched_resource(
                channel,
                fetched.batches[channel.name],
                history=session.settings.history,
                read_by=session.clock(),
            )
            for channel in channels
            if channel.name in fetched.batches
        ]
        if resources:
            found = [channel for channel in channels if channel.name in fetched.batches]
            commit(pipeline, _source_of([*resources, *_others(found)]))
    return FetchSummary(fetched.found, fetched.unknown, fetched.failures)


def run_views(pipeline: dlt.Pipeline, *, anew: bool = True) -> list[str]:
    """Make the views over tables that are there.

    Args:
        pipeline: The pipeline whose dataset they belong to.
        anew: Whether to make them even where nothing has changed.

    Raises:
        RunStopped: if there are no tables yet, or the destination cannot be reached.
    """
    if not reach(pipeline):
        raise LoadFailed(
            f"{place(pipeline)} has no tables in {pipeline.dataset_name} yet; "
            "run comms load first, it makes the views too"
        )
    return _views(pipeline, view_settings(), anew=anew)


def _views(pipeline: dlt.Pipeline, told: ViewSettings, *, anew: bool = False) -> list[str]:
    with in_turn(pipeline):
        return patient(create_views if anew else refresh_views)(pipeline, settings=told)


def view_settings() -> ViewSettings:
    """The settings of the views, from dlt's configuration.

    Raises:
        ConfigurationError: if one of them is wrong.
    """

    def configured(name: str, kind: type[Any]) -> Any:
        return dlt.config.get(".".join((*SECTIONS, name)), kind)

    values = {name: configured(name, kind) for name, kind in _VIEW_SETTINGS.items()}
    lengths = {name: configured(name, str) for name in ("retention", "stuck_after")}
    values |= {
        name: checked(name, parse_duration, length) for name, length in lengths.items() if length
    }
    return ViewSettings(**{name: value for name, value in values.items() if value is not None})


_VIEW_SETTINGS: Final[dict[str, type[Any]]] = {
    "counter_mode": dict,
    "time_zone": str,
    "alert_volume": int,
    "alert_points": float,
    "alert_days": int,
}
"""The settings of the views that are no lengths of time, and their types."""


def _source_of(resources: Sequence[DltResource]) -> Any:
    return dlt.source(lambda: resources, name="comms_source", section="comms_source")()


def _others(read: Sequence[Channel]) -> list[DltResource]:
    """Empty resources for the channels that are left out, so that their tables come to be."""
    left_out = [channel for channel in CHANNELS.values() if channel not in read]
    return [fetched_resource(channel, empty_batch(channel), history=False) for channel in left_out]
