"""All resources of a load package: of a pipeline of the user's own, or of a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from dlt.extract import DltResource

from comms_source.channels import CHANNELS, Channel
from comms_source.coverage.scan_plans import DueScans, ExactRange
from comms_source.destinations.current_package import note_base
from comms_source.dlt_resources.channel_tables import (
    MakeRun,
    channel_reader,
    channel_resources,
    fetched_resources,
)
from comms_source.dlt_resources.package import Package
from comms_source.dlt_resources.shared_tables import DETAILS_PARENT, PARENT, tables_of
from comms_source.errors import ConfigurationError
from comms_source.extract.channel_run import ChannelRun
from comms_source.extract.details_run import DetailsRun
from comms_source.extract.parallel_scans import OnError, PageLimit
from comms_source.extract.run_record import RunRecord
from comms_source.extract.session import Session
from comms_source.tables.bookkeeping import BOOKKEEPING, RUNS
from comms_source.tables.detail_tables import DETAIL_TABLES
from comms_source.tables.specs import Piece
from comms_source.timespans import Span, to_iso


def operation_resources(
    session: Session,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    on_error: OnError = "raise",
) -> list[DltResource]:
    """The resources of the channels that the session's settings select, for one load package.

    Args:
        session: What the resources share.
        start: The first instant of creation time to read; by default where the retention begins.
        end: The instant before which to read; by default the session's `now`, and state is kept.
        on_error: Whether the first failure of a scan fails the extract.

    Raises:
        ConfigurationError: if the range holds no time.
    """
    if start and start >= (end or session.clock()):
        raise ConfigurationError(
            f"start_date: {to_iso(start)} does not come before the end, "
            f"{to_iso(end or session.clock())}; dates without a time mean midnight in UTC"
        )
    if end and not start:
        raise ConfigurationError("start_date: an end_date needs it, to say where the range begins")

    def run_of(channel: Channel, first: datetime | None, last: datetime | None) -> ChannelRun:
        exactly = None if first is None or last is None else Span(first, last)
        plan = DueScans(first) if exactly is None else ExactRange(exactly)
        return ChannelRun(channel=channel, session=session, on_error=on_error, plan=plan)

    make_runs = {channel: partial(run_of, channel) for channel in session.settings.selected}
    package = Package(RunRecord(session=session, command="pipeline"), [*make_runs])
    resources = _reading_resources(
        make_runs, package=package, limit=PageLimit(), start=start, end=end
    )
    if session.settings.details:
        package.on_error = on_error
        resources += tables_of(DETAILS_PARENT, DETAIL_TABLES, package.details)
    return resources


def package_resources(
    runs: Sequence[ChannelRun], *, record: RunRecord, limit: PageLimit
) -> list[DltResource]:
    """The resources of one load package, in which each of `runs` reads as much as `limit` allows.

    Channels that are not read have empty resources, so that all tables exist. Details are in a
    package of their own, `detail_resources`.
    """
    reading: dict[Channel, MakeRun] = {run.channel: partial(_made, run) for run in runs}
    others = [
        resource
        for channel in CHANNELS.values()
        if channel not in reading
        for resource in fetched_resources(channel, [], history=False)
    ]
    goes_on = bool(record.session.settings.details)
    package = Package(record, [*reading], goes_on=goes_on)
    return [*_reading_resources(reading, package=package, limit=limit), *others]


def detail_resources(run: DetailsRun, *, record: RunRecord, most: int) -> list[DltResource]:
    """The resources of a load package with about `most` rows of details."""

    def details() -> Iterator[Piece]:
        note_base()
        yield from run.scan(most=most)
        yield Piece(RUNS, RUNS.rows([record.row(running=not run.done)]))

    return tables_of(DETAILS_PARENT, [*DETAIL_TABLES, RUNS], details)


def _reading_resources(
    make_runs: Mapping[Channel, MakeRun],
    *,
    package: Package,
    limit: PageLimit,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[DltResource]:
    session = package.record.session
    resources = []
    for channel, make_run in make_runs.items():
        read = channel_reader(
            channel, make_run=make_run, package=package, limit=limit, start=start, end=end
        )
        resources += channel_resources(
            channel, read, history=session.settings.history, read_by=session.clock
        )
    return [*resources, *tables_of(PARENT, BOOKKEEPING, package.bookkeeping)]


def _made(run: ChannelRun, *_: object) -> ChannelRun:
    return run
