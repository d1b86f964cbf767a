"""Reads the scans of one channel side by side and hands on their rows in large pieces.

Pages of one scan follow each other; scans run in parallel, each on a thread of its own, all of them
through the session's one throttle. The first scan goes ahead alone until its first page is there, so
that refused credentials cost one request and not a burst of them.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

import pyarrow as pa

from comms_source.api.allowed_range import AskedRange
from comms_source.api.client import CommsClient, PageAnswer
from comms_source.api.pagination import scan_pages
from comms_source.channels import Channel
from comms_source.coverage.channel_coverage import Reading
from comms_source.coverage.planner import MAX_UNCUT_PAGES, Scan, cut, cuts_for
from comms_source.coverage.policy import Policy
from comms_source.errors import (
    ChannelRefused,
    ConnectionLost,
    HostUnreachable,
    ScanFailed,
)
from comms_source.extract.page_budget import PageBudget
from comms_source.extract.run_stats import ScanFailure
from comms_source.extract.session import Session
from comms_source.tables.batches import Batch, batches
from comms_source.tables.operations import (
    PageTables,
    Stamp,
    density,
    first_sights,
    newest,
    read_page,
    rows_by_window,
    within,
)
from comms_source.timespans import Span

logger = logging.getLogger("comms_source")

OnError = Literal["raise", "continue"]

WAITING_PAGES: Final = 8
"""How many read pages may wait to be handed on; scans pause beyond that, so memory is bounded."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """A scan came to its end, or to what ended it."""

    scan: Scan
    reading: Reading | None = None
    error: BaseException | None = None
    pieces: Sequence[Scan] = ()
    """The scans to take in its place, if it turned out to be too long for one."""


class _Abandoned(Exception):
    """Nobody waits for the pages any more."""


@dataclass(slots=True)
class ScanQueue:
    """The scans that a channel still has before it, and those that have come to their end."""

    waiting: deque[Scan]
    unit: timedelta
    """Rows are counted by such lengths of creation time."""
    readings: list[Reading] = field(default_factory=list)


def read_channel(
    *,
    channel: Channel,
    agenda: ScanQueue,
    session: Session,
    load_id: str,
    on_error: OnError,
    budget: PageBudget,
) -> Iterator[Batch]:
    """Read the scans that wait until none is left or the budget is spent, and yield their rows.

    The stats of the session tells how it went; each scan that came to its end is in the agenda
    before the iterator ends, and all its rows have been yielded by then.

    Args:
        channel: The channel to read.
        agenda: Scans that do not overlap; those that are begun are taken out.
        session: Settings, throttle, client and stats.
        load_id: What goes into `_dlt_load_id`.
        on_error: Whether to raise the first failure of a scan or to note it and go on.
        budget: Shared by the channels.

    Raises:
        RunStopped: whatever `on_error` says.
        ChannelRefused, ScanFailed: with `on_error="raise"`.
    """
    reader = _Reader(
        channel=channel,
        session=session,
        load_id=load_id,
        on_error=on_error,
        agenda=agenda,
        budget=budget,
    )
    yield from batches(reader.pages())


class _Reader:
    """The scans of one channel under way. Only `_scan` and what it calls run on other threads."""

    def __init__(
        self,
        *,
        channel: Channel,
        session: Session,
        load_id: str,
        on_error: OnError,
        agenda: ScanQueue,
        budget: PageBudget,
    ) -> None:
        self._channel = channel
        self._session = session
        self._load_id = load_id
        self._on_error = on_error
        self._agenda = agenda
        self._budget = budget
        self._record = session.stats.channel(channel.name)
        self._rejected: set[str] = set()
        self._arrivals: queue.Queue[PageTables | _Ended] = queue.Queue(WAITING_PAGES)
        self._abandoned = threading.Event()

    def pages(self) -> Iterator[PageTables]:
        """The pages of the scans, in the order of their arrival."""
        if not self._agenda.waiting:
            return
        pool = ThreadPoolExecutor(self._concurrency, f"{self._channel.name}-scan")
        with self._session.connected() as client:
            try:
                yield from self._follow(start=lambda scan: self._submit(pool, client, scan))
            except Exception as error:
                client.stop(error)
                raise
            finally:
                self._abandoned.set()
                pool.shutdown(wait=False, cancel_futures=True)

    @property
    def _concurrency(self) -> int:
        return self._session.settings.concurrency

    def _follow(self, *, start: Callable[[Scan], None]) -> Iterator[PageTables]:
        under_way = 0
        while True:
            while self._may_begin(under_way):
                start(self._agenda.waiting.popleft())
                under_way += 1
            if not under_way:
                return
            arrival = self._arrivals.get()
            if isinstance(arrival, _Ended):
                under_way -= 1
                self._settle(arrival)
            else:
                self._note(arrival)
                yield arrival

    def _submit(self, pool: ThreadPoolExecutor, client: CommsClient, scan: Scan) -> None:
        """Start a scan that keeps the client open to its end, even if nobody waits for it."""
        hold = ExitStack()
        hold.enter_context(self._session.connected())
        pool.submit(self._scan, client, scan).add_done_callback(lambda _: hold.close())

    def _may_begin(self, under_way: int) -> bool:
        """Whether the scan that waits first may begin now."""
        waiting = self._agenda.waiting
        most = self._concurrency if self._record.pages else 1
        return bool(
            waiting and under_way < most and self._budget.promise(self._expected(waiting[0]))
        )

    def _expected(self, scan: Scan) -> int:
        return MAX_UNCUT_PAGES if scan.rows is None else scan.pages(self._policy.page_size)

    def _note(self, page: PageTables) -> None:
        record = self._record
        self._budget.spend()
        record.pages += 1
        record.operations += page.operations.num_rows
        record.new_counters |= page.new_counters
        record.new_fields |= page.new_fields
        record.new_statuses |= page.new_statuses
        if page.rejected.num_rows:
            self._rejected.update(map(str, page.rejected["row_key"].to_pylist()))
            record.rejected = len(self._rejected)
        self._session.stats.changed()

    def _settle(self, ended: _Ended) -> None:
        """Note how a scan ended; raise what stops more than the scan."""
        error = ended.error
        self._budget.release(self._expected(ended.scan))
        if ended.pieces:
            self._agenda.waiting.extendleft(reversed(ended.pieces))
            self._record.scans_planned += len(ended.pieces) - 1
        elif error is None:
            self._record.scans_done += 1
            if ended.reading is not None:
                self._agenda.readings.append(ended.reading)
        else:
            self._fail(ended.scan.span, error)
        self._session.stats.changed()

    def _fail(self, span: Span, error: BaseException | None) -> None:
        if isinstance(error, ChannelRefused):
            self._record.refused = str(error)
            self._agenda.waiting.clear()
            logger.warning("%s", error)
        elif isinstance(error, ScanFailed):
            self._require_an_answer(error)
            self._record.failures.append(ScanFailure(span, type(error).__name__, str(error)))
            logger.warning("%s %s: %s", self._channel.name, span, error)
        elif error is not None:
            raise error
        if error and self._on_error == "raise":
            raise type(error)(f"{self._channel.name} {span}: {error}")

    def _require_an_answer(self, error: ScanFailed) -> None:
        if isinstance(error, ConnectionLost) and not self._session.stats.answered:
            raise HostUnreachable(str(error))

    def _scan(self, client: CommsClient, scan: Scan) -> None:
        try:
            self._put(self._put_pages(client, scan))
        except _Abandoned:
            return
        except Exception as error:  # noqa: BLE001 - the reading thread decides what becomes of it
            with suppress(_Abandoned):
                self._put(_Ended(scan, error=error))

    def _put_pages(self, client: CommsClient, scan: Scan) -> _Ended:
        if self._record.refused:
            raise ChannelRefused(self._record.refused)
        asked = AskedRange(scan.span, allowed=self._session.allowed)
        tally = _Tally(session=self._session)
        seen: set[str] = set()
        for answer in scan_pages(client=client, channel=self._channel, asked=asked):
            page = self._read(answer, scan.span)
            if scan.cuttable and not tally.rows and answer.page.next_token:
                pieces = self._pieces(page.operations, scan)
                if len(pieces) > 1:
                    return _Ended(scan, pieces=pieces)
            # New operations push those on a page to the next one, where they come again; and all
            # come again where a refusal makes the asked start over.
            page = replace(page, operations=first_sights(page.operations, seen))
            if answer.api_time is None and (created := newest(page.operations)):
                self._session.saw(created)
            tally.add(answer, rows_by_window(page.operations, self._agenda.unit))
            self._put(page)
        if not scan.reasons:
            asked.require_some()  # A plan goes on without it, but a backfill asked for just this.
        return _Ended(scan, tally.reading(asked.covered))

    @property
    def _policy(self) -> Policy:
        return self._session.settings.policy

    def _pieces(self, first_page: pa.Table, scan: Scan) -> list[Scan]:
        """What a scan is cut into, once its first page shows how densely operations lie."""
        policy = self._policy
        rows = density(first_page) * scan.span.width.total_seconds()
        count = cuts_for(scan, rows=rows, page_size=policy.page_size, parallel=policy.parallel)
        spans = cut(scan.span, count, policy.window)
        each = math.ceil(rows / len(spans))
        return [replace(scan, span=span, rows=each, cuttable=True) for span in spans]

    def _read(self, answer: PageAnswer, span: Span) -> PageTables:
        tables = read_page(
            answer.page,
            channel=self._channel,
            stamp=Stamp(
                account=self._session.settings.account,
                load_id=self._load_id,
                synced_at=answer.received_at,
            ),
        )
        return replace(tables, operations=within(tables.operations, span))

    def _put(self, arrival: PageTables | _Ended) -> None:
        while not self._abandoned.is_set():
            try:
                return self._arrivals.put(arrival, timeout=0.1)
            except queue.Full:
                continue
        raise _Abandoned


class _Tally:
    """What one scan brings, counted page by page.

    Where this machine's clock and the API's differ, the one counts that claims less: reading began
    at the earlier and ended at the later of the two.
    """

    def __init__(self, *, session: Session) -> None:
        self.rows: Counter[datetime] = Counter()
        self._session = session
        self._began = self._ended = session.clock()

    def add(self, answer: PageAnswer, rows: Mapping[datetime, int]) -> None:
        self.rows.update(rows)
        api_time = answer.api_time or answer.received_at
        if answer.api_time is None and self._session.api_time is not None:
            # The API did not say its time, but it has passed the creation of each of its rows.
            api_time = min(api_time, self._session.api_time)
        self._began = min(self._began, api_time)
        self._ended = max(self._ended, answer.received_at, api_time)

    def reading(self, covered: Span | None) -> Reading | None:
        """What may be claimed of the span that was covered; None where none was."""
        return Reading(covered, self._began, self._ended, self.rows) if covered else None
