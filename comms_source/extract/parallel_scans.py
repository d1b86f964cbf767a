"""Reads the walks of one channel side by side and hands on their rows in large pieces.

Pages of one walk follow each other; walks run in parallel, each on a thread of its own, all of them
through the session's one gate. The first walk goes ahead alone until its first page is there, so
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

from comms_source.api.allowed_range import Scan
from comms_source.api.client import CommsClient, PageAnswer
from comms_source.api.pagination import walk_pages
from comms_source.channels import Channel
from comms_source.coverage.channel_coverage import Reading
from comms_source.coverage.planner import LONGEST_UNCUT, Walk, cut, cuts_for
from comms_source.coverage.policy import Policy
from comms_source.errors import (
    ChannelRefused,
    ConnectionLost,
    HostUnreachable,
    WalkFailed,
)
from comms_source.extract.page_budget import Budget
from comms_source.extract.run_stats import WalkFailure
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
"""How many read pages may wait to be handed on; walks pause beyond that, so memory is bounded."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """A walk came to its end, or to what ended it."""

    walk: Walk
    reading: Reading | None = None
    error: BaseException | None = None
    pieces: Sequence[Walk] = ()
    """The walks to take in its place, if it turned out to be too long for one."""


class _Abandoned(Exception):
    """Nobody waits for the pages any more."""


@dataclass(slots=True)
class Agenda:
    """The walks that a channel still has before it, and those that have come to their end."""

    waiting: deque[Walk]
    unit: timedelta
    """Rows are counted by such lengths of creation time."""
    readings: list[Reading] = field(default_factory=list)


def read_channel(
    *,
    channel: Channel,
    agenda: Agenda,
    session: Session,
    load_id: str,
    on_error: OnError,
    budget: Budget,
) -> Iterator[Batch]:
    """Read the walks that wait until none is left or the budget is spent, and yield their rows.

    The journal of the session tells how it went; each walk that came to its end is in the agenda
    before the iterator ends, and all its rows have been yielded by then.

    Args:
        channel: The channel to read.
        agenda: Walks that do not overlap; those that are begun are taken out.
        session: Settings, gate, client and journal.
        load_id: What goes into `_dlt_load_id`.
        on_error: Whether to raise the first failure of a walk or to note it and go on.
        budget: Shared by the channels.

    Raises:
        RunStopped: whatever `on_error` says.
        ChannelRefused, WalkFailed: with `on_error="raise"`.
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
    """The walks of one channel under way. Only `_walk` and what it calls run on other threads."""

    def __init__(
        self,
        *,
        channel: Channel,
        session: Session,
        load_id: str,
        on_error: OnError,
        agenda: Agenda,
        budget: Budget,
    ) -> None:
        self._channel = channel
        self._session = session
        self._load_id = load_id
        self._on_error = on_error
        self._agenda = agenda
        self._budget = budget
        self._record = session.journal.channel(channel.name)
        self._rejected: set[str] = set()
        self._arrivals: queue.Queue[PageTables | _Ended] = queue.Queue(WAITING_PAGES)
        self._abandoned = threading.Event()

    def pages(self) -> Iterator[PageTables]:
        """The pages of the walks, in the order of their arrival."""
        if not self._agenda.waiting:
            return
        pool = ThreadPoolExecutor(self._concurrency, f"{self._channel.name}-walk")
        with self._session.connected() as client:
            try:
                yield from self._follow(start=lambda walk: self._submit(pool, client, walk))
            except Exception as error:
                client.stop(error)
                raise
            finally:
                self._abandoned.set()
                pool.shutdown(wait=False, cancel_futures=True)

    @property
    def _concurrency(self) -> int:
        return self._session.settings.concurrency

    def _follow(self, *, start: Callable[[Walk], None]) -> Iterator[PageTables]:
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

    def _submit(self, pool: ThreadPoolExecutor, client: CommsClient, walk: Walk) -> None:
        """Start a walk that keeps the client open to its end, even if nobody waits for it."""
        hold = ExitStack()
        hold.enter_context(self._session.connected())
        pool.submit(self._walk, client, walk).add_done_callback(lambda _: hold.close())

    def _may_begin(self, under_way: int) -> bool:
        """Whether the walk that waits first may begin now."""
        waiting = self._agenda.waiting
        most = self._concurrency if self._record.pages else 1
        return bool(
            waiting and under_way < most and self._budget.promise(self._expected(waiting[0]))
        )

    def _expected(self, walk: Walk) -> int:
        return LONGEST_UNCUT if walk.rows is None else walk.pages(self._policy.page_size)

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
        self._session.journal.changed()

    def _settle(self, ended: _Ended) -> None:
        """Note how a walk ended; raise what stops more than the walk."""
        error = ended.error
        self._budget.release(self._expected(ended.walk))
        if ended.pieces:
            self._agenda.waiting.extendleft(reversed(ended.pieces))
            self._record.walks_planned += len(ended.pieces) - 1
        elif error is None:
            self._record.walks_done += 1
            if ended.reading is not None:
                self._agenda.readings.append(ended.reading)
        else:
            self._fail(ended.walk.span, error)
        self._session.journal.changed()

    def _fail(self, span: Span, error: BaseException | None) -> None:
        if isinstance(error, ChannelRefused):
            self._record.refused = str(error)
            self._agenda.waiting.clear()
            logger.warning("%s", error)
        elif isinstance(error, WalkFailed):
            self._require_an_answer(error)
            self._record.failures.append(WalkFailure(span, type(error).__name__, str(error)))
            logger.warning("%s %s: %s", self._channel.name, span, error)
        elif error is not None:
            raise error
        if error and self._on_error == "raise":
            raise type(error)(f"{self._channel.name} {span}: {error}")

    def _require_an_answer(self, error: WalkFailed) -> None:
        if isinstance(error, ConnectionLost) and not self._session.journal.answered:
            raise HostUnreachable(str(error))

    def _walk(self, client: CommsClient, walk: Walk) -> None:
        try:
            self._put(self._put_pages(client, walk))
        except _Abandoned:
            return
        except Exception as error:  # noqa: BLE001 - the reading thread decides what becomes of it
            with suppress(_Abandoned):
                self._put(_Ended(walk, error=error))

    def _put_pages(self, client: CommsClient, walk: Walk) -> _Ended:
        if self._record.refused:
            raise ChannelRefused(self._record.refused)
        scan = Scan(walk.span, allowed=self._session.allowed)
        tally = _Tally(session=self._session)
        seen: set[str] = set()
        for answer in walk_pages(client=client, channel=self._channel, scan=scan):
            page = self._read(answer, walk.span)
            if walk.cuttable and not tally.rows and answer.page.next_token:
                pieces = self._pieces(page.operations, walk)
                if len(pieces) > 1:
                    return _Ended(walk, pieces=pieces)
            # New operations push those on a page to the next one, where they come again; and all
            # come again where a refusal makes the scan start over.
            page = replace(page, operations=first_sights(page.operations, seen))
            if answer.api_time is None and (created := newest(page.operations)):
                self._session.saw(created)
            tally.add(answer, rows_by_window(page.operations, self._agenda.unit))
            self._put(page)
        if not walk.reasons:
            scan.require_some()  # A plan goes on without it, but a backfill asked for just this.
        return _Ended(walk, tally.reading(scan.covered))

    @property
    def _policy(self) -> Policy:
        return self._session.settings.policy

    def _pieces(self, first_page: pa.Table, walk: Walk) -> list[Walk]:
        """What a walk is cut into, once its first page shows how densely operations lie."""
        policy = self._policy
        rows = density(first_page) * walk.span.width.total_seconds()
        count = cuts_for(walk, rows=rows, page_size=policy.page_size, parallel=policy.parallel)
        spans = cut(walk.span, count, policy.window)
        each = math.ceil(rows / len(spans))
        return [replace(walk, span=span, rows=each, cuttable=True) for span in spans]

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
    """What one walk brings, counted page by page.

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
