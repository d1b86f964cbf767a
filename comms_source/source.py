"""The dlt source: a resource for each table, what is read in threads, and dlt's state.

Each channel has a resource that is incremental on `created_at`. The API has no filter on the time
of the last change, so the cursor does not decide what is read; it tells a user of dlt up to which
creation time the table is filled. It is set with `advance`, since the range was applied on the way,
and rows pass without being looked at again. An `end_value` (or `end_date`) makes a run that reads
exactly the given range and leaves no state behind.

A channel's history is a transformer of its operations. The bookkeeping of all channels is one
resource that waits until they are read, with a transformer for each of its tables; so rows, state
and bookkeeping are in one load package, and dlt commits them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, Optional

import dlt
import pyarrow as pa
from dlt.common.typing import TAnyDateTime, TSecretStrValue
from dlt.extract import DltResource

from comms_source.channels import CHANNELS, Channel
from comms_source.config.resolve import (
    CommsSourceConfiguration,
    TwilioCredentials,
    make_settings,
    parse_date,
)
from comms_source.config.settings import (
    BASE_URL,
    COMMIT_PAGES,
    CONCURRENCY,
    DETAILS_REQUESTS,
    ERRORS_PER_OPERATION,
    MAX_API_WAIT,
    PAGE_SIZE,
    PII,
    REFRESH,
    REFRESH_RATIO,
    RETENTION,
    TIMEOUT,
    WINDOW,
)
from comms_source.coverage.scan_plans import DueScans, ExactRange
from comms_source.destinations.capabilities import current_capabilities
from comms_source.destinations.current_package import current_load_id, date_package, note_base
from comms_source.destinations.dlt_internals import wrap_parallel_iterator
from comms_source.destinations.stored_details import current_details_work
from comms_source.destinations.table_hints import HistoryRows, table_hints
from comms_source.errors import ConfigurationError
from comms_source.extract.bookkeeping_queue import PackageQueues, PackageRecords
from comms_source.extract.channel_run import ChannelRun
from comms_source.extract.details_run import DetailsRun
from comms_source.extract.parallel_scans import OnError, PageLimit
from comms_source.extract.run_record import RunRecord
from comms_source.extract.session import Session
from comms_source.tables.batches import pieces_of
from comms_source.tables.bookkeeping import BOOKKEEPING, RUNS
from comms_source.tables.detail_tables import DETAIL_TABLES, DETAILS
from comms_source.tables.history import history_rows, history_table
from comms_source.tables.operations import PageTables, operations_table
from comms_source.tables.specs import Piece, TableSpec, with_load_id
from comms_source.timespans import Span, parse_instant, to_iso, utc_now

PARENT: Final = "bookkeeping"
"""The resource from which those of the bookkeeping tables take their rows."""

DETAILS_PARENT: Final = "details"
"""The resource from which those of the tables of details take their rows."""

MakeRun = Callable[[Optional[datetime], Optional[datetime]], ChannelRun]  # noqa: UP045
"""Makes a channel's run when it is time to read, from the cursor's bounds."""


@dlt.source(name="comms_source", section="comms_source", spec=CommsSourceConfiguration)
def comms_source(
    credentials: TwilioCredentials = dlt.secrets.value,
    base_url: str = BASE_URL,
    account: str = "default",
    channels: Sequence[str] = tuple(CHANNELS),
    page_size: int = PAGE_SIZE,
    concurrency: int = CONCURRENCY,
    requests_per_second: Optional[float] = None,  # noqa: UP045 - dlt reads the annotation
    retention: str = RETENTION,
    window: str = WINDOW,
    refresh: str = REFRESH,
    refresh_ratio: float = REFRESH_RATIO,
    commit_pages: int = COMMIT_PAGES,
    timeout: str = TIMEOUT,
    max_api_wait: str = MAX_API_WAIT,
    history: bool = True,
    allow_duplicates: bool = False,
    details: Sequence[str] = (),
    details_requests: int = DETAILS_REQUESTS,
    errors_per_operation: int = ERRORS_PER_OPERATION,
    pii: str = PII,
    pii_key: Optional[TSecretStrValue] = None,  # noqa: UP045
    start_date: Optional[TAnyDateTime] = None,  # noqa: UP045
    end_date: Optional[TAnyDateTime] = None,  # noqa: UP045
    on_error: str = "raise",
) -> Sequence[DltResource]:
    """The operations of every channel, their histories, and the bookkeeping: a resource a table.

    Building the source sends no request. Every argument is a dlt setting as well, in the section
    `sources.comms_source`.

    Args:
        credentials: A `TwilioCredentials`, or a mapping with its fields.
        base_url: The API's address, its version included.
        account: A label that every row carries, to tell accounts apart in one warehouse.
        channels: Which channels to read, of `messages`, `emails` and `push_notifications`.
        page_size: Operations on a page, 1 to 1000.
        concurrency: Requests under way at once, over all channels, 1 to 64.
        requests_per_second: A cap on requests that start in a second; none by default.
        retention: For how long after creation the API answers for an operation.
        window: The width of the slices of creation time that coverage is kept for.
        refresh: `adaptive`: read what is due. `full`: read all that the API answers for.
        refresh_ratio: Read a window again before its rows are staler than this share of their age.
        commit_pages: After how many pages the commands commit what they have read; a pipeline run
            of yours commits once.
        timeout: How long one answer may take.
        max_api_wait: How long one request may, in sum, be made to wait by a busy API.
        history: Keep each state of an operation that was seen, in a table beside the operations.
        allow_duplicates: Also load into destinations that cannot merge, such as a sink of yours;
            an operation that is read again is then there again.
        details: What to read of the resources behind the counters, of `tags`, `resources` and
            `errors`; nothing by default.
        details_requests: How many requests for details a run may send, 1 or more; repetitions of a
            request do not count.
        errors_per_operation: Of how many failed messages of an operation the attempts are read,
            and of how many resources with several recipients the receipts; 1 to 1000.
        pii: What becomes of people's addresses: `drop`, `hash` (a digest with `pii_key`) or `keep`.
        pii_key: The secret key of `hash`.
        start_date: Read nothing created before, ISO 8601; by default all that is kept.
        end_date: Read operations created before then, and leave no state: a backfill. It goes with
            a `start_date`.
        on_error: `raise`: any failure fails the extract. `continue`: what can be read is loaded,
            and a failed scan or a refused channel is logged.

    Returns:
        `message_operations`, `email_operations`, `push_notification_operations`; a transformer of
        each for its history; and `bookkeeping`, which is not selected, with a transformer for each
        of `rejected_operations`, `acknowledged_rejections`, `coverage`, `gaps`,
        `followed_operations`, `runs` and `operation_labels`. With `details` also `details`, which
        is not selected, with a transformer for each of `messages`, `emails`, `push_notifications`,
        `operation_tags`, `message_attempts`, `operation_errors` and `operation_details`.

    Raises:
        ConfigurationError: if a setting is missing, wrong or unsafe.
    """
    settings = make_settings(
        credentials=credentials.chosen(),
        base_url=base_url,
        account=account,
        channels=channels,
        page_size=page_size,
        concurrency=concurrency,
        requests_per_second=requests_per_second,
        retention=retention,
        window=window,
        refresh=refresh,
        refresh_ratio=refresh_ratio,
        commit_pages=commit_pages,
        timeout=timeout,
        max_api_wait=max_api_wait,
        history=history,
        allow_duplicates=allow_duplicates,
        details=details,
        details_requests=details_requests,
        errors_per_operation=errors_per_operation,
        pii=pii,
        pii_key=pii_key,
    )
    return operation_resources(
        Session(settings=settings),
        start=None if start_date is None else parse_date("start_date", start_date),
        end=None if end_date is None else parse_date("end_date", end_date),
        on_error=_on_error(on_error),
    )


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
    package = _Package(RunRecord(session=session, command="pipeline"), [*make_runs])
    resources = _reading_resources(
        make_runs, package=package, limit=PageLimit(), start=start, end=end
    )
    if session.settings.details:
        package.on_error = on_error
        resources += _tables_of(DETAILS_PARENT, DETAIL_TABLES, package.details)
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
    package = _Package(record, [*reading], goes_on=goes_on)
    return [*_reading_resources(reading, package=package, limit=limit), *others]


def detail_resources(run: DetailsRun, *, record: RunRecord, most: int) -> list[DltResource]:
    """The resources of a load package with about `most` rows of details."""

    def details() -> Iterator[Piece]:
        note_base()
        yield from run.scan(most=most)
        yield Piece(RUNS, RUNS.rows([record.row(running=not run.done)]))

    return _tables_of(DETAILS_PARENT, [*DETAIL_TABLES, RUNS], details)


def _reading_resources(
    make_runs: Mapping[Channel, MakeRun],
    *,
    package: _Package,
    limit: PageLimit,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[DltResource]:
    session = package.record.session
    resources = []
    for channel, make_run in make_runs.items():
        read = _read_channel(
            channel, make_run=make_run, package=package, limit=limit, start=start, end=end
        )
        resources += _channel_resources(
            channel, read, history=session.settings.history, read_by=session.clock
        )
    return [*resources, *_tables_of(PARENT, BOOKKEEPING, package.bookkeeping)]


def fetched_resources(
    channel: Channel,
    pages: Sequence[PageTables],
    *,
    history: bool,
    read_by: datetime | None = None,
) -> list[DltResource]:
    """The resources of a channel for rows that were read before; they have no cursor.

    Args:
        channel: The channel that the rows are from.
        pages: The rows.
        history: Whether their states are kept.
        read_by: When they had been read; None where there are none.
    """
    spec = operations_table(channel)

    def operations() -> Iterator[pa.Table]:
        rows = [piece.rows for piece in pieces_of(pages, channel=channel) if piece.spec is spec]
        load_id, missing = current_load_id(), _is_any_missing(channel)
        yield from (with_load_id(each, load_id) for each in rows or [spec.empty()] * missing)
        if read_by is not None:
            date_package(read_by)

    return _channel_resources(
        channel, operations, history=history, read_by=lambda: read_by or utc_now()
    )


def bookkeeping_resources(pieces: Iterable[Piece]) -> list[DltResource]:
    """The resources of the bookkeeping tables, for rows that are there already."""
    return _tables_of(PARENT, BOOKKEEPING, lambda: iter(pieces))


def _made(run: ChannelRun, *_: object) -> ChannelRun:
    return run


class _Package:
    """What the resources of one load package share, whichever of them is evaluated first."""

    def __init__(
        self, record: RunRecord, channels: Sequence[Channel], *, goes_on: bool = False
    ) -> None:
        self.record = record
        self.on_error: OnError = "raise"
        """Whether a failure to read details fails the extract."""
        self._channels = channels
        self._goes_on = goes_on
        """Whether the run goes on in another package when all channels are read."""
        self._load_id: str | None = None
        self._queues = PackageQueues({})

    def queues(self) -> PackageQueues:
        """Where the rows go that are not for the resources of the channels.

        Call it on dlt's own thread: it asks which resources are extracted.
        """
        if self._load_id != current_load_id() or self._is_read:
            extracted = {resource.name for resource in dlt.current.source().resources.extracted}
            reading = [channel.name for channel in self._channels if channel.table in extracted]
            operations = [operations_table(channel) for channel in self._channels]
            takes = {PARENT: [*BOOKKEEPING], DETAILS_PARENT: operations}
            self._load_id = current_load_id()
            self._queues = PackageQueues(
                {
                    parent: PackageRecords(reading, specs)
                    for parent, specs in takes.items()
                    if parent in extracted
                }
            )
        return self._queues

    @property
    def _is_read(self) -> bool:
        """Whether what is there is of an earlier iteration, without a load package."""
        return not self._load_id and self._queues.complete

    def bookkeeping(self) -> Iterator[Piece | None]:
        """The bookkeeping's rows as they come, and None while there are none yet."""
        records = self.queues().by_parent[PARENT]
        while not records.complete:
            yield from records.taken()
            yield None  # dlt turns to the other resources.
        yield from records.taken()
        yield Piece(RUNS, RUNS.rows(self.record.died))
        self.record.died = ()
        running = records.running or self._goes_on
        yield Piece(RUNS, RUNS.rows([self.record.row(running=running, stopped=records.stopped)]))

    def details(self) -> Iterator[Piece | None]:
        """The rows of details, once all channels are read; None before."""
        operations = self.queues().by_parent[DETAILS_PARENT]
        fresh: dict[str, list[pa.Table]] = {}
        while not operations.complete:
            yield None
        for piece in operations.taken():
            fresh.setdefault(piece.spec.name, []).append(piece.rows)
        session = self.record.session
        work = current_details_work(
            settings=session.settings,
            now=session.now,
            fresh={
                channel.name: pa.concat_tables(fresh[channel.table], promote_options="default")
                for channel in self._channels
                if channel.table in fresh
            },
        )
        run = DetailsRun(work=work, session=session, on_error=self.on_error)
        extracted = {resource.name for resource in dlt.current.source().resources.extracted}
        # What goes to no table must not count as read.
        is_whole = all(spec.name in extracted for spec in DETAIL_TABLES)
        yield from (piece for piece in run.scan() if is_whole or piece.spec is not DETAILS)


def _read_channel(
    channel: Channel,
    *,
    make_run: MakeRun,
    package: _Package,
    limit: PageLimit,
    start: datetime | None,
    end: datetime | None,
) -> Callable[..., Iterator[Any]]:
    """The function of a channel's resource, with a cursor of its own."""
    cursor = dlt.sources.incremental[datetime]("created_at", initial_value=start, end_value=end)
    spec = operations_table(channel)
    session = package.record.session

    def operations(
        created_at: dlt.sources.incremental[datetime] = cursor,
    ) -> Iterator[Any]:
        queues, missing = package.queues(), _is_any_missing(channel)
        if not session.settings.allow_duplicates:
            current_capabilities().check_merging()

        def read() -> Iterator[pa.Table]:
            last = _instant(created_at.end_value)
            run = make_run(_instant(created_at.initial_value), last)
            created_at.advance(last or session.now)
            load_id = current_load_id()
            keeps = run.plan.keeps_coverage and bool(load_id)
            # Without a pipeline nothing is committed, and so nothing is remembered.
            state: MutableMapping[str, Any] = dlt.current.resource_state() if keeps else {}
            brings = False
            run.open(state)
            for piece in run.scan(limit):
                queues.put(piece)
                if piece.spec is spec:
                    brings = True
                    yield with_load_id(piece.rows, load_id)
            if missing and not brings:
                yield with_load_id(spec.empty(), load_id)  # Last, since add_limit counts it.
            brings = brings and session.settings.history
            date_package(session.clock(), brings=brings, remembers=run.plan.keeps_coverage)
            # dlt commits rows, state and bookkeeping in this load package, or none of them.
            pieces = run.close(state, recorded=PARENT in queues.by_parent)
            queues.leave(channel.name, pieces, done=run.done)

        # Several channels are read at once, each in a thread of dlt's. Its configuration must not
        # be asked for in those, nor its schema, which grows meanwhile: both were asked before.
        try:
            yield from wrap_parallel_iterator(read)()
        finally:
            queues.stop(channel.name)  # add_limit ends the resource before it is done.

    return operations


def _channel_resources(
    channel: Channel,
    read: Callable[..., Iterator[Any]],
    *,
    history: bool,
    read_by: Callable[[], datetime],
) -> list[DltResource]:
    """The resource of a channel's operations, and the transformer of its history."""
    spec, states_spec = operations_table(channel), history_table(channel)

    of_package: dict[str, HistoryRows] = {}

    def history_of_package() -> HistoryRows:
        # Once for a load package: it may open a lake's table.
        load_id = current_load_id()
        if load_id not in of_package:
            of_package.clear()
            of_package[load_id] = HistoryRows(states_spec, current_capabilities(), read_by=read_by)
        return of_package[load_id]

    def states(rows: Any) -> Any:
        if not isinstance(rows, pa.Table):
            raise ConfigurationError(
                f"history: {spec.name} was mapped to {type(rows).__name__}, and histories are made "
                "of Arrow tables; leave them out with history=False"
            )
        if not rows.num_rows or not history:
            if not _is_missing(states_spec):
                return None
            rows = rows.slice(0, 0)  # The views read the table of the history, empty or not.
        return history_of_package().to_load(history_rows(rows))

    operations: Any = dlt.resource(read, **table_hints(spec))
    return [
        operations,
        dlt.transformer(states, data_from=operations, **table_hints(states_spec)),
    ]


def _tables_of(
    parent_name: str,
    specs: Sequence[TableSpec],
    produce: Callable[[], Iterator[Piece | None]],
) -> list[DltResource]:
    """A resource that yields rows of several tables, and a transformer for each of the tables."""

    def pieces() -> Iterator[Piece | None]:
        for spec in specs:
            if _is_missing(spec):
                yield Piece(spec, spec.empty())
        for piece in produce():
            if piece is None or piece.rows.num_rows:
                yield piece

    parent: Any = dlt.resource(pieces, name=parent_name, selected=False)

    def table(spec: TableSpec) -> DltResource:
        def rows(piece: Piece) -> Any:
            if piece.spec is not spec:
                return None
            return with_load_id(piece.rows, current_load_id()) if spec.has_load_id else piece.rows

        resource: DltResource = dlt.transformer(rows, data_from=parent, **table_hints(spec))
        return resource

    return [parent, *map(table, specs)]


def _is_missing(spec: TableSpec) -> bool:
    """Whether nothing was ever loaded into a table, so that it does not exist."""
    return spec.name not in dlt.current.source_schema().data_table_names(seen_data_only=True)


def _is_any_missing(channel: Channel) -> bool:
    return _is_missing(operations_table(channel)) or _is_missing(history_table(channel))


def _instant(value: Any) -> datetime | None:
    return None if value is None else parse_instant(value)


def _on_error(value: str) -> OnError:
    if value == "raise":
        return "raise"
    if value == "continue":
        return "continue"
    raise ConfigurationError(f"on_error: expected 'raise' or 'continue', got {value!r}")
