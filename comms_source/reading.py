"""Reads the walks of one channel side by side and hands on their rows in large pieces.

Pages of one walk follow each other; walks run in parallel, each on a thread of its own, all of them
through the session's one gate. The first walk goes ahead alone until its first page is there, so
that refused credentials cost one request and not a burst of them.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Literal

import pyarrow as pa

from comms_source.channels import Channel
from comms_source.client import CommsClient, PageAnswer
from comms_source.errors import (
    ChannelRefused,
    ConnectionLost,
    HostUnreachable,
    WalkFailed,
)
from comms_source.journal import WalkFailure
from comms_source.pages import raw_rows
from comms_source.session import Session
from comms_source.tables import (
    REJECTED_SCHEMA,
    PageTables,
    Stamp,
    joined,
    operations_schema,
    read_rows,
    within,
)
from comms_source.walks import walk_pages
from comms_source.windows import Span

logger = logging.getLogger("comms_source")

OnError = Literal["raise", "continue"]

BATCH_ROWS: Final = 50_000
"""How many rows are handed on at a time: some tens of full pages."""
WAITING_PAGES: Final = 16
"""How many read pages may wait to be handed on; walks pause beyond that, so memory is bounded."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A piece of what was read: no operation is in it twice."""

    operations: pa.Table
    rejected: pa.Table


@dataclass(frozen=True, slots=True)
class _Ended:
    """A walk came to its end, or to what ended it."""

    span: Span
    error: BaseException | None = None


class _Abandoned(Exception):
    """Nobody waits for the pages any more."""


def read_channel(
    *, channel: Channel, walks: Sequence[Span], session: Session, load_id: str, on_error: OnError
) -> Iterator[Batch]:
    """Read `walks` and yield their rows; the journal of the session tells how it went.

    The first batch is empty and comes at once: it carries the tables' shape, so that they come to
    be even where nothing is read.

    Args:
        channel: The channel to read.
        walks: Spans of creation time that do not overlap.
        session: Settings, gate, client and journal.
        load_id: What goes into `_dlt_load_id`.
        on_error: Whether to raise the first failure of a walk or to note it and go on.

    Raises:
        RunStopped: whatever `on_error` says.
        ChannelRefused, WalkFailed: with `on_error="raise"`.
    """
    record = session.journal.channel(channel.name)
    record.walks_planned += len(walks)
    yield empty_batch(channel)
    reader = _Reader(channel=channel, session=session, load_id=load_id, on_error=on_error)
    yield from _batches(reader.pages(walks))


def _batches(pages: Iterator[PageTables]) -> Iterator[Batch]:
    held: list[PageTables] = []
    rows = 0
    for page in pages:
        held.append(page)
        rows += page.operations.num_rows + page.rejected.num_rows
        if rows >= BATCH_ROWS:
            yield batch_of(held)
            held, rows = [], 0
    if rows:
        yield batch_of(held)


def empty_batch(channel: Channel) -> Batch:
    """No rows, and the shape of the tables."""
    return Batch(operations_schema(channel).empty_table(), REJECTED_SCHEMA.empty_table())


def batch_of(pages: Sequence[PageTables]) -> Batch:
    """The pages as one piece, of each operation the last row."""
    return Batch(
        operations=joined([page.operations for page in pages], key="id"),
        rejected=joined([page.rejected for page in pages], key="row_key"),
    )


class _Reader:
    """The walks of one channel under way. Only `_walk` and what it calls run on other threads."""

    def __init__(
        self, *, channel: Channel, session: Session, load_id: str, on_error: OnError
    ) -> None:
        self._channel = channel
        self._session = session
        self._load_id = load_id
        self._on_error = on_error
        self._record = session.journal.channel(channel.name)
        self._rejected: set[str] = set()
        self._arrivals: queue.Queue[PageTables | _Ended] = queue.Queue(WAITING_PAGES)
        self._abandoned = threading.Event()

    def pages(self, walks: Sequence[Span]) -> Iterator[PageTables]:
        """The pages of all walks, in the order of their arrival."""
        pool = ThreadPoolExecutor(self._session.settings.concurrency, f"{self._channel.name}-walk")
        with self._session.connected() as client:
            try:
                yield from self._follow(
                    walks, start=lambda span: pool.submit(self._walk, client, span)
                )
            except Exception as error:
                client.stop(error)
                raise
            finally:
                self._abandoned.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _follow(
        self, walks: Sequence[Span], *, start: Callable[[Span], object]
    ) -> Iterator[PageTables]:
        waiting, under_way = deque(walks), 0
        while waiting or under_way:
            ready = len(waiting) if self._record.pages else min(1, len(waiting)) - under_way
            for _ in range(ready):
                start(waiting.popleft())
                under_way += 1
            arrival = self._arrivals.get()
            if isinstance(arrival, _Ended):
                under_way -= 1
                self._settle(arrival)
                if self._record.refused:
                    waiting.clear()
            else:
                self._note(arrival)
                yield arrival

    def _note(self, page: PageTables) -> None:
        record = self._record
        record.pages += 1
        record.operations += page.operations.num_rows
        record.new_counters |= page.new_counters
        record.new_fields |= page.new_fields
        record.new_statuses |= page.new_statuses
        self._rejected.update(map(str, page.rejected["row_key"].to_pylist()))
        record.rejected = len(self._rejected)
        self._session.journal.changed()

    def _settle(self, ended: _Ended) -> None:
        """Note how a walk ended; raise what stops more than the walk."""
        error = ended.error
        if error is None:
            self._record.walks_done += 1
        elif isinstance(error, ChannelRefused):
            self._record.refused = str(error)
            logger.warning("%s", error)
        elif isinstance(error, WalkFailed):
            self._require_an_answer(error)
            failure = WalkFailure(ended.span, type(error).__name__, str(error))
            self._record.failures.append(failure)
            logger.warning("%s %s: %s", self._channel.name, ended.span, error)
        else:
            raise error
        self._session.journal.changed()
        if error and self._on_error == "raise":
            raise type(error)(f"{self._channel.name} {ended.span}: {error}")

    def _require_an_answer(self, error: WalkFailed) -> None:
        if isinstance(error, ConnectionLost) and not self._session.journal.answered:
            raise HostUnreachable(str(error))

    def _walk(self, client: CommsClient, span: Span) -> None:
        try:
            self._put_pages(client, span)
            self._put(_Ended(span))
        except _Abandoned:
            return
        except Exception as error:  # noqa: BLE001 - the reading thread decides what becomes of it
            with suppress(_Abandoned):
                self._put(_Ended(span, error))

    def _put_pages(self, client: CommsClient, span: Span) -> None:
        if self._record.refused:
            raise ChannelRefused(self._record.refused)
        for answer in walk_pages(client=client, channel=self._channel, span=span):
            self._put(self._read(answer, span))

    def _read(self, answer: PageAnswer, span: Span) -> PageTables:
        page = answer.page
        tables = read_rows(
            page.operations,
            raw=lambda: raw_rows(page.body),
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
