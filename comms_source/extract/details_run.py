"""What one run does about details, after the operations were read: the plan, in parallel."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Final

import pyarrow as pa

from comms_source.api.client import CommsClient
from comms_source.api.details import BudgetSpent, DetailsApi, RequestBudget
from comms_source.channels import CHANNELS
from comms_source.coverage.details import DetailsWork, DueDetails
from comms_source.errors import DetailsUnavailable, FilterIgnored, ScanFailed
from comms_source.extract.details_reader import OperationDetails, read_details
from comms_source.extract.parallel_scans import OnError
from comms_source.extract.run_stats import IN_SUMMARY, UNDOCUMENTED, DetailsStats
from comms_source.extract.session import Session
from comms_source.tables.batches import BATCH_ROWS
from comms_source.tables.detail_tables import DETAILS
from comms_source.tables.specs import Piece, TableSpec

PACKAGE_ROWS: Final = 50_000
"""After how many rows of details the commands commit what they have read. A merge of many more
needs more memory than a load into a DuckDB file gives it."""

logger = logging.getLogger("comms_source")


class DetailsRun:
    """One run's reading of details; packages follow each other until it is `done`."""

    def __init__(self, *, work: DetailsWork, session: Session, on_error: OnError) -> None:
        """Prepare to read what is due; nothing is requested yet."""
        self._session = session
        self._on_error = on_error
        self._asked = work.asked
        # A clock that is ahead would take for lost what the API still has.
        self._expired = work.plan.expired if session.is_clock_confirmed else ()
        self._due = deque(work.plan.due)
        self._budget = RequestBudget(session.settings.details_requests)
        # For the whole run, so that what the API refuses is requested once.
        self._apis = {
            name: DetailsApi(
                channel=CHANNELS[name],
                take=self._take(name),
                page_size=session.settings.page_size,
            )
            for name in {due.operation.channel for due in self._due}
        }
        self._stopped: set[str] = set()
        """Channels of which no more details are requested in this run."""
        for due in work.plan.due:
            self._stats(due.operation.channel).planned += 1
        for due in work.plan.waiting:
            self._stats(due.operation.channel).waiting += 1
        for channel in {operation.channel for operation, _ in self._expired}:
            lost = {each.id for each, _ in self._expired if each.channel == channel}
            self._stats(channel).expired += len(lost)

    @property
    def done(self) -> bool:
        """Whether nothing is left to read, or to record."""
        return not self._due and not self._expired

    def scan(self, *, most: int | None = None) -> Iterator[Piece]:
        """Read the details of operations; yields rows in large pieces.

        Args:
            most: Begin no further operation when those that were begun have so many rows, as far
                as their counters show; None for no limit.

        Raises:
            RunStopped: if the API refuses the credentials.
            ScanFailed: if details cannot be read, with `on_error="raise"`.
        """
        yield from self._expirations()
        batch = _Batch()
        with self._session.connected() as client:
            try:
                for details in self._read(client, most):
                    yield from batch.add(details.pieces)
            except Exception as error:
                client.stop(error)
                raise
        yield from batch.rest()

    def _expirations(self) -> Iterator[Piece]:
        rows = [
            {
                "account": self._session.settings.account,
                "channel": operation.channel,
                "operation_id": operation.id,
                "kind": kind,
                "created_at": operation.created_at,
                "outcome": "expired",
            }
            for operation, kind in self._expired
        ]
        self._expired = ()
        if rows:
            yield Piece(DETAILS, DETAILS.rows(rows))

    def _read(self, client: CommsClient, most: int | None) -> Iterator[OperationDetails]:
        """What was read of each operation, in the order of the plan."""
        settings = self._session.settings
        for api in self._apis.values():
            api.use(client)
        chosen = self._taken(most)
        running: deque[tuple[DueDetails, Future[OperationDetails | None]]] = deque()
        with ThreadPoolExecutor(settings.concurrency, "details") as pool:
            try:
                while True:
                    for due in islice(chosen, 2 * settings.concurrency - len(running)):
                        api = self._apis[due.operation.channel]
                        running.append((due, pool.submit(self._read_one, due, api)))
                    if not running:
                        return
                    due, future = running.popleft()
                    if details := self._settle(due, future):
                        yield details
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _taken(self, most: int | None) -> Iterator[DueDetails]:
        """The operations to read in this package, taken out of those that are due."""
        rows = 0
        while self._due and (most is None or rows < most):
            due = self._due.popleft()
            rows += due.rows
            yield due

    def _read_one(self, due: DueDetails, api: DetailsApi) -> OperationDetails | None:
        """On a thread of its own; None if the channel was stopped meanwhile."""
        if due.operation.channel in self._stopped:
            return None
        settings = self._session.settings
        return read_details(
            due,
            api=api,
            channel=CHANNELS[due.operation.channel],
            account=settings.account,
            personal=settings.personal,
            asked=self._asked.get(due.operation.id, frozenset()),
            errors_per_operation=settings.errors_per_operation,
            read_at=self._session.clock(),
        )

    def _settle(
        self, due: DueDetails, future: Future[OperationDetails | None]
    ) -> OperationDetails | None:
        """What was read of an operation; what failed is noted, or raised."""
        channel = due.operation.channel
        stats = self._stats(channel)
        try:
            details = future.result()
        except BudgetSpent:
            stats.waiting += 1
            return None
        except (DetailsUnavailable, FilterIgnored) as refused:
            # Refused was the list of resources, also where only errors were due.
            kind = "tags" if "tags" in due.kinds else "resources"
            self._stopped.add(channel)
            self._note_unavailable(stats, channel, kind, refused)
            return None
        except ScanFailed as failure:
            if self._on_error == "raise":
                raise
            stats.failures[due.operation.id] = str(failure)
            logger.warning("%s %s: %s", channel, due.operation.id, failure, extra=IN_SUMMARY)
            return None
        if details is None:
            return None
        stats.operations += bool(details.pieces)  # None where only the list of errors was refused.
        stats.resources += details.resources
        stats.rejected += details.rejected
        stats.attempts += details.messages
        stats.new_fields |= details.new_fields
        for kind, why in details.unavailable.items():
            self._note_unavailable(stats, channel, kind, why)
        self._session.stats.changed()
        return details

    def _note_unavailable(
        self, stats: DetailsStats, channel: str, kind: str, refused: ScanFailed
    ) -> None:
        """Report once a run and channel that the API does not offer what was asked for."""
        if kind in stats.unavailable:
            return
        stats.unavailable[kind] = str(refused)
        if self._on_error == "raise" and kind not in UNDOCUMENTED:
            raise refused
        logger.info("%s: details (%s): %s", channel, kind, refused, extra=IN_SUMMARY)

    def _take(self, channel: str) -> Callable[[], None]:
        """Counts a request of a channel, and ends where the budget does."""
        stats, lock = self._stats(channel), self._session.stats

        def take() -> None:
            self._budget.take()
            lock.count_details_request(stats)

        return take

    def _stats(self, channel: str) -> DetailsStats:
        return self._session.stats.channel(channel).details


class _Batch:
    """Rows gathered by table, until there are enough of them to hand on."""

    def __init__(self) -> None:
        self._held: dict[TableSpec, list[pa.Table]] = {}
        self._rows = 0

    def add(self, pieces: Sequence[Piece]) -> Iterator[Piece]:
        """Hold rows; hand on all if they are many."""
        for piece in pieces:
            self._held.setdefault(piece.spec, []).append(piece.rows)
            self._rows += piece.rows.num_rows
        if self._rows >= BATCH_ROWS:
            yield from self.rest()

    def rest(self) -> Iterator[Piece]:
        """Hand on what is held."""
        held, self._held, self._rows = self._held, {}, 0
        yield from (Piece(spec, pa.concat_tables(tables)) for spec, tables in held.items())
