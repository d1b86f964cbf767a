"""Reads the scans of one channel in parallel: which starts when, and what becomes of errors.

Pages of one scan follow each other; scans run in parallel, each on a thread of its own, all of them
through the session's one throttle. The first scan goes ahead alone until its first page is there,
so that refused credentials cost one request and not a burst of them.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal

from comms_source.api.client import CommsClient
from comms_source.channels import Channel
from comms_source.coverage.channel_coverage import ScanResult
from comms_source.coverage.planner import Scan
from comms_source.errors import ChannelRefused, ConnectionLost, HostUnreachable, ScanFailed
from comms_source.extract.news import News
from comms_source.extract.run_stats import IN_SUMMARY, ScanFailure
from comms_source.extract.scan_worker import ScanEnd, ScanWorker
from comms_source.extract.session import Session
from comms_source.tables.operations import PageTables
from comms_source.timespans import Span

logger = logging.getLogger("comms_source")

OnError = Literal["raise", "continue"]

LAST_SCANS: Final = 3
"""When a run has at most this many scans left for each request that may be in progress, all of them
may run at once. They take turns and so end at about the same time; otherwise the last ones, whose
pages come one after the other, would leave requests unused. More at once would take more memory."""


def most_running(*, left: int, pages: int, parallel: int) -> int:
    """How many scans of a channel may run at the same time.

    Args:
        left: How many scans have not ended, over all channels.
        pages: How many pages of the channel have arrived; before the first, one scan goes ahead.
        parallel: How many requests may be in progress at once, over all channels.
    """
    if not pages or parallel == 1:
        return 1  # A single request at a time never lacks a scan, and scans end one by one.
    return LAST_SCANS * parallel if left <= LAST_SCANS * parallel else parallel


@dataclass(slots=True)
class ScanQueue:
    """The scans that a channel still has before it, and those that have come to their end."""

    waiting: deque[Scan]
    unit: timedelta
    """Rows are counted by such lengths of creation time."""
    results: list[ScanResult] = field(default_factory=list)


class PageLimit:
    """After how many pages no further scan begins, so that what was read is committed.

    Scans that have begun are read to their end, and many may begin at once. So none begins either
    once those of the package should bring twice as many pages.
    """

    def __init__(self, pages: int | None = None) -> None:
        """Allow so many pages, counted over all channels; by default any number."""
        self._most = pages
        self._read = self._expected = 0
        self._lock = threading.Lock()

    @property
    def reached(self) -> bool:
        """Whether no further scan may begin."""
        if self._most is None:
            return False
        return self._read >= self._most or self._expected >= 2 * self._most

    def expect(self, pages: int) -> None:
        """Count the pages that a scan should bring, below 0 if it was cut. Safe for threads."""
        with self._lock:
            self._expected += pages

    def count(self) -> None:
        """Count a page that was read. Safe for threads."""
        with self._lock:
            self._read += 1


class ParallelScans:
    """The scans of one channel, started and followed on the thread that iterates `pages`."""

    def __init__(
        self,
        *,
        channel: Channel,
        session: Session,
        on_error: OnError,
        scans: ScanQueue,
        limit: PageLimit,
        news: News,
    ) -> None:
        """Prepare to read.

        Args:
            channel: The channel to read.
            session: Settings, throttle, client and run stats.
            on_error: Whether to raise the first failure of a scan or to note it and go on.
            scans: Scans that do not overlap; those that are begun are taken out.
            limit: Shared by the channels.
            news: Notes what is new about each page.
        """
        self._channel = channel
        self._session = session
        self._on_error = on_error
        self._scans = scans
        self._limit = limit
        self._stats = session.stats.channel(channel.name)
        self._news = news
        self._worker = ScanWorker(channel=channel, session=session, unit=scans.unit)

    def pages(self) -> Iterator[PageTables]:
        """The pages of the waiting scans, in the order of their arrival, as far as `limit` allows.

        A scan that came to its end is in `scans.results` once all its pages have been yielded.

        Raises:
            RunStopped: also with `on_error="continue"`.
            ChannelRefused, ScanFailed: with `on_error="raise"`.
        """
        if not self._scans.waiting:
            return
        threads = LAST_SCANS * self._session.settings.concurrency
        pool = ThreadPoolExecutor(threads, f"{self._channel.name}-scan")
        with self._session.connected() as client:
            try:
                yield from self._follow(pool, client)
            except Exception as error:
                client.stop(error)
                raise
            finally:
                self._worker.abandon()
                pool.shutdown(wait=False, cancel_futures=True)

    def _follow(self, pool: ThreadPoolExecutor, client: CommsClient) -> Iterator[PageTables]:
        running = 0
        while True:
            while self._may_begin(running):
                self._submit(pool, client, self._scans.waiting.popleft())
                running += 1
            if not running:
                return
            arrival = self._worker.arrivals.get()
            if isinstance(arrival, ScanEnd):
                running -= 1
                if arrival.error is not None and arrival.error is client.stopped_by:
                    raise arrival.error  # Another channel's failure, which names its range.
                self._settle(arrival)
            else:
                self._count(arrival)
                yield arrival

    def _submit(self, pool: ThreadPoolExecutor, client: CommsClient, scan: Scan) -> None:
        """Start a scan that keeps the client open to its end, even if nobody waits for it."""
        self._limit.expect(scan.pages(self._session.settings.page_size))
        hold = ExitStack()
        hold.enter_context(self._session.connected())
        pool.submit(self._worker.run, client, scan).add_done_callback(lambda _: hold.close())

    def _may_begin(self, running: int) -> bool:
        """Whether the scan that waits first may begin now."""
        channels = self._session.stats.channels.values()
        most = most_running(
            left=sum(each.scans - each.scans_done - len(each.failures) for each in channels),
            pages=self._stats.pages,
            parallel=self._session.settings.concurrency,
        )
        return bool(self._scans.waiting) and running < most and not self._limit.reached

    def _count(self, page: PageTables) -> None:
        stats = self._stats
        self._limit.count()
        stats.pages += 1
        stats.operations += page.operations.num_rows
        self._news.note(page, stats)
        if page.outside and not stats.outside:
            logger.warning(
                "%s: the API returns operations from outside the range that was asked for, so it "
                "ignores startDate and endDate; they are left out",
                self._channel.name,
                extra=IN_SUMMARY,
            )
        stats.outside += page.outside
        self._session.stats.changed()

    def _settle(self, end: ScanEnd) -> None:
        """Note how a scan ended; raise what stops more than the scan."""
        if end.pieces:
            self._limit.expect(-end.scan.pages(self._session.settings.page_size))
            self._scans.waiting.extendleft(reversed(end.pieces))
            self._stats.scans += len(end.pieces) - 1
        elif end.error is None:
            self._stats.scans_done += 1
            if end.result is not None:
                self._scans.results.append(end.result)
        else:
            self._fail(end.scan.span, end.error)
        self._session.stats.changed()

    def _fail(self, span: Span, error: BaseException) -> None:
        if isinstance(error, ChannelRefused):
            self._stats.refused = str(error)
            self._scans.waiting.clear()
            logger.warning("%s", error, extra=IN_SUMMARY)
        elif isinstance(error, ScanFailed):
            if isinstance(error, ConnectionLost) and not self._session.stats.answered:
                raise HostUnreachable(str(error))
            self._stats.failures.append(
                ScanFailure(span.start, span.end, type(error).__name__, str(error))
            )
            logger.warning("%s %s: %s", self._channel.name, span, error, extra=IN_SUMMARY)
        else:
            raise error
        if self._on_error == "raise":
            raise type(error)(f"{self._channel.name} {span}: {error}")
