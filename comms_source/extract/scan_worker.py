"""One scan on a thread of its own: asks for its pages, reads them, and queues them for the run.

Everything here runs on worker threads. What a run decides about them is in `parallel_scans`.
"""

from __future__ import annotations

import math
import queue
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa

from comms_source.api.allowed_range import RequestedRange
from comms_source.api.client import CommsClient, PageAnswer
from comms_source.api.pagination import scan_pages
from comms_source.channels import Channel
from comms_source.coverage.channel_coverage import ScanResult
from comms_source.coverage.planner import Scan, cut, cuts_for
from comms_source.errors import ChannelRefused
from comms_source.extract.session import Session
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

MARGIN: Final = timedelta(minutes=1)
"""How far from the range that was asked for a row may be; bounds may be rounded."""

WAITING_PAGES: Final = 8
"""How many read pages may wait to be handed on; scans pause beyond that, so memory is bounded."""


@dataclass(frozen=True, slots=True)
class ScanEnd:
    """A scan came to its end, or to what ended it."""

    scan: Scan
    result: ScanResult | None = None
    error: BaseException | None = None
    pieces: Sequence[Scan] = ()
    """The scans to take in its place, if it turned out to be too long for one."""


class Abandoned(Exception):
    """Nobody waits for the pages any more."""


class ScanWorker:
    """Runs the scans of one channel, each on the thread that calls `run`."""

    def __init__(self, *, channel: Channel, session: Session, unit: timedelta) -> None:
        """Prepare for scans.

        Args:
            channel: The channel to read.
            session: Settings, throttle and run stats.
            unit: Rows are counted by such lengths of creation time.
        """
        self.arrivals: queue.Queue[PageTables | ScanEnd] = queue.Queue(WAITING_PAGES)
        """Pages in the order of their arrival, and after the pages of a scan its end."""
        self._channel = channel
        self._session = session
        self._unit = unit
        self._stats = session.stats.channel(channel.name)
        self._abandoned = threading.Event()

    def abandon(self) -> None:
        """Have all scans end as soon as they can: their pages are not wanted any more."""
        self._abandoned.set()

    def run(self, client: CommsClient, scan: Scan) -> None:
        """Queue the pages of a scan, then its end; what it raises is in the end."""
        try:
            self._put(self._scan(client, scan))
        except Abandoned:
            return
        except Exception as error:  # noqa: BLE001 - the run decides what becomes of it
            with suppress(Abandoned):
                self._put(ScanEnd(scan, error=error))

    def _scan(self, client: CommsClient, scan: Scan) -> ScanEnd:
        if self._stats.refused:
            raise ChannelRefused(self._stats.refused)
        requested = RequestedRange(scan.span, allowed=self._session.allowed)
        tally = _Tally(session=self._session)
        seen: set[str] = set()
        for answer in scan_pages(client=client, channel=self._channel, requested=requested):
            page = self._read(answer, scan.span)
            # Cut only before the first rows are handed on: the pieces would bring them again.
            if scan.cuttable and not tally.rows and answer.page.next_token:
                pieces = self._pieces(page.operations, scan)
                if len(pieces) > 1:
                    return ScanEnd(scan, pieces=pieces)
            # New operations push those on a page to the next one, where they come again; and all
            # come again where a refusal makes the scan start over.
            page = replace(page, operations=first_sights(page.operations, seen))
            if answer.api_time is None and (created := newest(page.operations)):
                self._session.saw(created)
            tally.add(answer, rows_by_window(page.operations, self._unit))
            self._put(page)
        if not scan.reasons:
            # A plan goes on without it, but a backfill asked for just this.
            requested.require_allowed()
        return ScanEnd(scan, tally.result(requested.covered))

    def _read(self, answer: PageAnswer, span: Span) -> PageTables:
        tables = read_page(
            answer.page,
            channel=self._channel,
            stamp=Stamp(account=self._session.settings.account, synced_at=answer.received_at),
        )
        if tables.learned:
            self._session.learn(self._channel.name, tables.learned)
        # An API that does not know the filter ignores it without a word, and lists all it has.
        inside, outside = within(tables.operations, span), 0
        if inside.num_rows < tables.operations.num_rows:
            near = within(tables.operations, Span(span.start - MARGIN, span.end + MARGIN))
            outside = tables.operations.num_rows - near.num_rows
        return replace(tables, operations=inside, outside=outside)

    def _pieces(self, first_page: pa.Table, scan: Scan) -> list[Scan]:
        """What a scan is cut into, once its first page shows how densely operations lie."""
        policy = self._session.settings.policy
        rows = density(first_page) * scan.span.width.total_seconds()
        count = cuts_for(scan, rows=rows, page_size=policy.page_size, parallel=policy.parallel)
        spans = cut(scan.span, count, policy.window)
        each = math.ceil(rows / len(spans))
        return [replace(scan, span=span, rows=each, cuttable=True) for span in spans]

    def _put(self, arrival: PageTables | ScanEnd) -> None:
        while not self._abandoned.is_set():
            try:
                return self.arrivals.put(arrival, timeout=0.1)
            except queue.Full:
                continue
        raise Abandoned


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

    def result(self, covered: Span | None) -> ScanResult | None:
        """What may be claimed of the span that was covered; None where none was."""
        return ScanResult(covered, self._began, self._ended, self.rows) if covered else None
