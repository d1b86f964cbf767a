"""The seam to dlt: the only file of the core that knows it.

Each channel is one dlt resource, incremental on `created_at`. The API has no filter on the time of
the last change, so the cursor does not decide what is read; it tells dlt, and whoever asks dlt,
up to which creation time the table is filled. It is pinned with `advance`, since the range was
applied on the way, and rows pass without being looked at again. An `end_value` (or `end_date`)
makes a run that reads exactly the given range and leaves no state behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final, Optional

import dlt
import pendulum
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.common.storages.load_package import commit_load_package_state, load_package_state
from dlt.common.typing import TAnyDateTime
from dlt.extract import DltResource
from dlt.extract.utils import wrap_parallel_iterator

from comms_source.channels import CHANNELS, Channel
from comms_source.config.resolve import (
    CommsSourceConfiguration,
    TwilioCredentials,
    _date,
    make_settings,
)
from comms_source.config.settings import (
    BASE_URL,
    COMMIT_PAGES,
    CONCURRENCY,
    MAX_API_WAIT,
    PAGE_SIZE,
    REFRESH,
    REFRESH_RATIO,
    RETENTION,
    TIMEOUT,
    WINDOW,
)
from comms_source.coverage.planner import Scan
from comms_source.destinations.destination_state import BASED_ON, last_extracted
from comms_source.destinations.table_hints import Taking, abilities_here
from comms_source.errors import ConfigurationError
from comms_source.extract.channel_run import ChannelRun
from comms_source.extract.page_budget import PageBudget
from comms_source.extract.parallel_scans import OnError
from comms_source.extract.run_record import RunRecord
from comms_source.extract.session import Session
from comms_source.tables.batches import Batch, Piece, pieces, shapes
from comms_source.tables.bookkeeping import RUNS
from comms_source.tables.history import package_date
from comms_source.tables.operations import with_load_id
from comms_source.timespans import Span, parse_instant, to_iso, utc_now

DATED: Final = "dated"
"""Where the state of the source keeps its last load package, and the date of that."""


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
    start_date: Optional[TAnyDateTime] = None,  # noqa: UP045
    end_date: Optional[TAnyDateTime] = None,  # noqa: UP045
    on_error: str = "raise",
) -> Sequence[DltResource]:
    """The operations of every channel: one resource a channel, merged on `id`.

    Building the source sends no request. Every argument is a dlt setting as well, see `SECTIONS`.

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
        start_date: Read nothing created before, ISO 8601; by default all that is kept.
        end_date: Read operations created before then, and leave no state: a backfill. It goes with
            a `start_date`.
        on_error: `raise`: any failure fails the extract. `continue`: what can be read is loaded,
            and a failed scan or a refused channel is logged.

    Returns:
        The resources `message_operations`, `email_operations`, `push_notification_operations`.

    Raises:
        ConfigurationError: if a setting is missing, wrong or unsafe.
    """
    settings = make_settings(
        credentials=credentials.basic(),
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
    )
    start, end = _date("start_date", start_date), _date("end_date", end_date)
    session = Session(settings=settings)
    return operation_resources(session, start=start, end=end, on_error=_on_error(on_error))


def operation_resources(
    session: Session,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    on_error: OnError = "raise",
) -> list[DltResource]:
    """One resource for each channel that the session's settings select, for one load package.

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
    log = RunRecord(session=session, command="pipeline")
    return [
        _resource(
            channel,
            start=start,
            end=end,
            begin=_beginning(channel, session=session, on_error=on_error),
            log=log,
            budget=PageBudget(),
        )
        for channel in session.settings.selected
    ]


def package_resources(
    runs: Sequence[ChannelRun], *, log: RunRecord, budget: PageBudget
) -> list[DltResource]:
    """One resource for each of `runs`, which reads as much as `budget` allows."""
    return [_resource(run.channel, begin=_continuing(run), log=log, budget=budget) for run in runs]


def _continuing(run: ChannelRun) -> Begin:
    return lambda _, __: run


def fetched_resource(
    channel: Channel, batch: Batch, *, history: bool, read_by: datetime | None = None
) -> DltResource:
    """A resource that merges rows of `channel` which were read before; it has no cursor.

    Args:
        channel: The channel that the rows are from.
        batch: The rows.
        history: Whether their states are kept.
        read_by: When they had been read; None where there are none.
    """

    def operations() -> Iterator[Any]:
        load_id = _load_id()
        stamped = Batch(
            with_load_id(batch.operations, load_id), with_load_id(batch.rejected, load_id)
        )
        brought = pieces(stamped, channel=channel, history=history)
        taking = Taking.here(channel, clock=lambda: read_by or utc_now())
        for piece in taking.taken(chain(shapes(channel), brought)):
            yield taking.marked(piece)
        if read_by is not None:
            _date_package(read_by)

    return dlt.resource(
        operations,
        name=channel.table,
        primary_key="id",
        write_disposition="merge",
    )


def failed_run_resource(log: RunRecord, *, error: str) -> DltResource:
    """A resource that holds nothing but the row of a run that an error ended."""

    def failed() -> Iterator[Any]:
        hints = dlt.mark.make_hints(table_format=abilities_here().table_format)
        yield dlt.mark.with_hints(log.row(load_id=_load_id(), error=error), hints)

    return dlt.resource(
        failed, name=RUNS.table, primary_key=list(RUNS.key), write_disposition="merge"
    )


Begin = Callable[[Optional[datetime], Optional[datetime]], ChannelRun]  # noqa: UP045
"""Makes a channel's run when it is time to read, from the cursor's bounds."""


def _beginning(channel: Channel, *, session: Session, on_error: OnError) -> Begin:
    def begin(first: datetime | None, last: datetime | None) -> ChannelRun:
        exactly = None if first is None or last is None else Span(first, last)
        return ChannelRun(
            channel=channel,
            session=session,
            on_error=on_error,
            start=first,
            scans=None if exactly is None else [Scan(span=exactly, cuttable=True)],
            remembers=exactly is None,
        )

    return begin


def _resource(
    channel: Channel,
    *,
    begin: Begin,
    log: RunRecord,
    budget: PageBudget,
    start: datetime | None = None,
    end: datetime | None = None,
) -> DltResource:
    cursor = dlt.sources.incremental[datetime]("created_at", initial_value=start, end_value=end)

    def operations(
        created_at: dlt.sources.incremental[datetime] = cursor,
    ) -> Iterator[Any]:
        taking = Taking.here(channel, clock=log.session.clock)
        known = set(dlt.current.source_schema().data_table_names(seen_data_only=True))

        def read() -> Iterator[Any]:
            last = _instant(created_at.end_value)
            run = begin(_instant(created_at.initial_value), last)
            created_at.advance(last or log.session.now)
            load_id = _load_id()
            log.enter(channel)
            package = run.package(state=_state(run, load_id), load_id=load_id, budget=budget)
            brings = False
            for piece in taking.taken(package):
                brings = brings or bool(piece.kind == "history" and piece.rows.num_rows)
                if piece.rows.num_rows or piece.table(channel) not in known:
                    yield taking.marked(piece)
            _date_package(log.session.clock(), brings=brings, remembers=run.remembers)
            for row in log.leave(run, load_id=load_id):
                yield taking.marked(Piece(row, RUNS))

        # Several channels are read at once, each in a thread of dlt's. Its configuration must not
        # be asked for in those, nor its schema, which grows meanwhile: both were asked before.
        yield from wrap_parallel_iterator(read)()

    return dlt.resource(
        operations,
        name=channel.table,
        primary_key="id",
        write_disposition="merge",
    )


def _instant(value: Any) -> datetime | None:
    return None if value is None else parse_instant(value)


def _state(run: ChannelRun, load_id: str) -> MutableMapping[str, Any]:
    """What dlt's state remembers of the channel; it is committed with the rows.

    Where a resource is read without a pipeline, nothing is committed, and so nothing is remembered.
    """
    if not run.remembers or not load_id:
        return {}
    state: MutableMapping[str, Any] = dlt.current.resource_state()
    return state


def _date_package(read_by: datetime, *, brings: bool = True, remembers: bool = True) -> None:
    """Date the load package by the end of its reading, which becomes `valid_from` in histories.

    dlt dates it by its beginning, when nothing of it had been seen yet. A package is dated after
    the one before it even if the clock was set back, so that no state ends before it begins.

    Args:
        read_by: When what is in the package had been read.
        brings: Whether it holds rows. Where it does not, no answer may have shown that the clock is
            ahead, so later packages need not follow it.
        remembers: Whether the package leaves a state behind.
    """
    try:
        package = load_package_state()["state"]
    except CurrentLoadPackageStateNotAvailable:
        return  # Read without a pipeline.
    state, load_id = dlt.current.source_state(), load_package_state()["load_id"]
    before, date = state.get(DATED, (load_id, to_iso(read_by)))
    read_by = package_date(read_by, last=parse_instant(date), is_same=before == load_id)
    if remembers and brings:
        state[DATED] = (load_id, to_iso(read_by))
    if remembers:
        state[BASED_ON] = last_extracted(dlt.current.pipeline())
    package["created_at"] = pendulum.instance(read_by)
    commit_load_package_state()


def _load_id() -> str:
    """The load package being extracted; empty where a resource is read without a pipeline."""
    try:
        return load_package_state()["load_id"]
    except CurrentLoadPackageStateNotAvailable:
        return ""


def _on_error(value: str) -> OnError:
    if value == "raise":
        return "raise"
    if value == "continue":
        return "continue"
    raise ConfigurationError(f"on_error: expected 'raise' or 'continue', got {value!r}")
