"""What one run does on one channel, in one load package or several; knows neither dlt nor a file.

Each package carries the coverage of exactly the rows in it: the coverage that `package` leaves in
`state`, and the tables that it yields, are to be committed together or not at all.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from comms_source.channels import Channel
from comms_source.coverage.backfill import Backfill
from comms_source.coverage.channel_coverage import (
    COVERAGE_KEY,
    MAX_CLOCK_SKEW,
    OWNERS,
    ChannelCoverage,
    Reading,
)
from comms_source.coverage.open_operations import due_by_id
from comms_source.coverage.planner import Scan, plan, retained
from comms_source.coverage.stored_channel import StoredChannel
from comms_source.errors import ChannelRefused, ScanFailed
from comms_source.extract.by_id import follow
from comms_source.extract.page_budget import PageBudget
from comms_source.extract.parallel_scans import OnError, ScanQueue, read_channel
from comms_source.extract.run_stats import ChannelStats
from comms_source.extract.session import Session
from comms_source.tables.batches import Batch, Piece, batch_of, pieces, shapes
from comms_source.tables.bookkeeping import COVERAGE, FOLLOWED, GAPS
from comms_source.tables.operations import ids_before
from comms_source.timespans import Span

_YOUNG: Final = timedelta(days=1)
"""How old the newest row may be to confirm this machine's clock, where the API does not say its
time."""

logger = logging.getLogger("comms_source")


class ChannelRun:
    """One run on one channel. `package` is called until `done`."""

    def __init__(
        self,
        *,
        channel: Channel,
        session: Session,
        on_error: OnError,
        start: datetime | None = None,
        scans: Sequence[Scan] | None = None,
        backfill: Backfill | None = None,
        remembers: bool = True,
        stored: StoredChannel | None = None,
    ) -> None:
        """Prepare a run; nothing is planned or read yet.

        Args:
            channel: The channel to read.
            session: What the channels share.
            on_error: Whether the first failure of a scan ends the run.
            start: Read nothing created before; by default all that the API answers for.
            scans: What to read, whatever was read before; by default what is due.
            backfill: A range to read chunk by chunk, as far as an earlier run has not done it.
            remembers: Whether coverage is kept.
            stored: What the destination holds of the channel; by default nothing is known of it.
        """
        self.channel = channel
        self.done = False
        self._session = session
        self._on_error = on_error
        self._start = start
        self._scans = scans
        self._backfill = backfill
        self.remembers = remembers
        self._stored = stored or StoredChannel()
        self._agenda: ScanQueue | None = None
        self._is_first = False
        self._last_read: datetime | None = None
        self._old_ids: set[str] = set()
        """Operations past retention that a list showed after all, in this run."""

    def package(
        self, *, state: MutableMapping[str, Any], load_id: str, budget: PageBudget
    ) -> Iterator[Piece]:
        """Read until nothing is left or the budget is spent.

        The first pieces are empty: they carry the tables' shape, so that all tables come to be even
        where nothing is read.

        Args:
            state: What is remembered of the channel; changed when all but coverage was yielded.
            load_id: What goes into `_dlt_load_id`.
            budget: How much to read.

        Raises:
            RunStopped: whatever `on_error` says.
            ChannelRefused, ScanFailed: with `on_error="raise"`.
        """
        account = self._session.settings.account
        coverages = state.setdefault(COVERAGE_KEY, {})
        coverage = ChannelCoverage.from_state(coverages.get(account))
        yield from shapes(self.channel)
        begins = self._agenda is None
        if self._agenda is None:
            self._agenda = self._begin(coverage, state)
        yield from self._read(self._agenda, load_id=load_id, budget=budget)
        readings = self._take_readings(self._agenda)
        if self._session.is_clock_confirmed:
            coverage.forget_later_than(self._session.clock(), kept=self._session.settings.policy)
        touched = self._enter(coverage, readings)
        # Before those that the API has forgotten meanwhile leave the coverage.
        rows: Sequence[Mapping[str, Any]] = self._coverage(coverage, touched)
        gaps = self._gap_rows(self._expire(coverage), reason="never read")
        if begins:
            gaps += self._gap_rows(self._stored.unrecoverable_spans, reason="rows missing")
        yield Piece(GAPS.rows(gaps, load_id=load_id), GAPS)
        self.done = not self._agenda.waiting
        if self.done:
            yield from self._follow(load_id)
            self._conclude(coverage)
        if self.remembers:
            coverages[account] = coverage.to_state()
        if self._backfill is not None:
            done = self.done and self.record.read_all
            self._backfill.note(readings, state=state, account=account, done=done)
        if self.remembers:
            if begins:
                rows = self._corrected(coverage, rows)
            yield Piece(COVERAGE.rows(rows, load_id=load_id), COVERAGE)

    @property
    def record(self) -> ChannelStats:
        """What the stats notes of this channel."""
        return self._session.stats.channel(self.channel.name)

    def _begin(self, coverage: ChannelCoverage, state: MutableMapping[str, Any]) -> ScanQueue:
        """Plan what to read."""
        policy, now = self._session.settings.policy, self._session.now
        if coverage.tracked_from is None:
            # What was read before a state was lost is known from the table; it is no first run.
            coverage.tracked_from = self._stored.complete_to
        self._forget_missing(coverage)
        self._forget_others(coverage, state)
        self._is_first = coverage.tracked_from is None
        self._last_read = coverage.last_read
        coverage.set_width(policy.window)
        coverage.drop_stale_parts(now=now, ratio=policy.refresh_ratio)
        scans = self._scans
        if scans is None:
            scans = plan(now=now, coverage=coverage, policy=policy, since=self._start)
        if self._backfill is not None:
            scans = self._backfill.scans(state, account=self._session.settings.account)
        self.record.scans_planned += len(scans)
        return ScanQueue(deque(scans), unit=coverage.unit(policy.window))

    def _forget_missing(self, coverage: ChannelCoverage) -> None:
        """Forget windows whose rows are no longer in the table."""
        coverage.forget(self._stored.short)
        if self._stored.short:
            logger.warning(
                "%s: the table lacks rows of %d windows; what the API still has is read again",
                self.channel.name,
                len(self._stored.short),
            )
        self.record.windows_missing_rows += len(self._stored.short)
        self.record.unrecoverable_rows.extend(self._stored.unrecoverable_spans)

    def _forget_others(self, coverage: ChannelCoverage, state: MutableMapping[str, Any]) -> None:
        """Forget all that was read of another Twilio account, whose database this was.

        Other credentials may be those of the same account. They are, if the API knows the newest
        operation that was stored.
        """
        settings, owners = self._session.settings, state.setdefault(OWNERS, {})
        own = settings.credentials.digest
        if owners.setdefault(settings.account, own) == own:
            return
        try:
            is_same = self._api_knows(self._stored.newest)
        except (ScanFailed, ChannelRefused):
            return  # Nobody can say; the next run asks again.
        owners[settings.account] = own
        if is_same:
            return
        coverage.windows, coverage.parts, coverage.tracked_from = {}, {}, None
        logger.warning(
            "%s: what is stored of account %r is of another Twilio account; all that the API "
            "still has of this one is read. Give each a label or a dataset of its own",
            self.channel.name,
            settings.account,
        )

    def _api_knows(self, operation_id: str | None) -> bool:
        if operation_id is None:
            return False
        with self._session.connected() as client:
            found = client.fetch_operation(channel=self.channel, operation_id=operation_id)
        return found is not None

    def _read(self, agenda: ScanQueue, *, load_id: str, budget: PageBudget) -> Iterator[Piece]:
        for batch in read_channel(
            channel=self.channel,
            agenda=agenda,
            session=self._session,
            load_id=load_id,
            on_error=self._on_error,
            budget=budget,
        ):
            self._old_ids |= ids_before(batch.operations, self._horizon)
            yield from self._pieces(batch)

    @property
    def _horizon(self) -> datetime:
        return self._session.now - self._session.settings.retention

    def _pieces(self, batch: Batch) -> Iterator[Piece]:
        history = self._session.settings.history
        return pieces(batch, channel=self.channel, history=history)

    def _take_readings(self, agenda: ScanQueue) -> list[Reading]:
        readings, agenda.readings = agenda.readings, []
        # Without any sign of the API's time nobody can say what was closed when it was read.
        return readings if self._knows_the_time else []

    def _enter(self, coverage: ChannelCoverage, readings: Sequence[Reading]) -> set[datetime]:
        policy, now = self._session.settings.policy, self._session.now
        start = self._start or retained(now=now, policy=policy).start
        within = Span(min([start, *(reading.span.start for reading in readings)]), now)
        return {
            window
            for reading in readings
            for window in coverage.note(reading, within=within, kept=policy)
        }

    @property
    def _knows_the_time(self) -> bool:
        """Whether the API has said its time, or its rows confirm that the clock may be right.

        A clock that was set back, to before the last reading, is not right.
        """
        session, last = self._session, self._last_read
        if session.is_clock_confirmed:
            return True
        set_back = last is not None and session.now + MAX_CLOCK_SKEW < last
        return session.api_time is not None and not set_back

    def _expire(self, coverage: ChannelCoverage) -> list[Span]:
        """Account for what the API has forgotten, as far as its own clock confirms it.

        In a first run nothing is owed that the API forgot before the reading ended, however long it
        took.
        """
        api_time, session = self._session.api_time, self._session
        if api_time is None or not self._knows_the_time:
            return []
        now = min(session.now, api_time)
        if self._is_first:
            if not session.is_clock_confirmed and api_time < session.clock() - _YOUNG:
                return []  # The clock may be ahead, and then too much would be accounted for.
            now = max(session.clock(), api_time) + (session.allowed.margin or timedelta(0))
            coverage.tracked_from = None
        gaps = coverage.expire(now=now, kept=session.settings.policy, since=self._start)
        self.record.gaps.extend(gaps)
        return gaps

    def _follow(self, load_id: str) -> Iterator[Piece]:
        if self.record.refused:
            return
        policy, now = self._session.settings.policy, self._session.now
        old, opened = self._old_ids, self._stored.opened
        opened = [operation for operation in opened if operation.id not in old]
        due = due_by_id(opened, now=now, policy=policy)
        followed = follow(due, channel=self.channel, session=self._session, load_id=load_id)
        self.record.followed += len(due)
        self.record.lost += sum(row["outcome"] == "not_found" for row in followed.records)
        self.record.unfollowed |= {name: str(error) for name, error in followed.failures.items()}
        if followed.failures and self._on_error == "raise":
            raise next(iter(followed.failures.values()))
        if followed.pages:
            yield from self._pieces(batch_of(followed.pages))
        yield Piece(FOLLOWED.rows(followed.records, load_id=load_id), FOLLOWED)

    def _conclude(self, coverage: ChannelCoverage) -> None:
        if self.record.read_all and self._scans is None and self._backfill is None:
            coverage.complete_at = self._session.now

    def _gap_rows(self, gaps: Sequence[Span], *, reason: str) -> list[Mapping[str, Any]]:
        return [
            {
                "account": self._session.settings.account,
                "channel": self.channel.name,
                "gap_start": gap.start,
                "gap_end": gap.end,
                "found_at": self._session.now,
                "reason": reason,
            }
            for gap in gaps
        ]

    def _coverage(
        self, coverage: ChannelCoverage, touched: set[datetime]
    ) -> list[Mapping[str, Any]]:
        return [
            {
                "account": self._session.settings.account,
                "channel": self.channel.name,
                "window_start": start,
                "window_end": coverage.span_of(start).end,
                "read_at": coverage.windows[start].read_at,
                "rows_read": coverage.windows[start].rows,
                "is_complete": coverage.windows[start].complete,
            }
            for start in sorted(touched)
        ]

    def _corrected(
        self, coverage: ChannelCoverage, rows: Sequence[Mapping[str, Any]]
    ) -> Sequence[Mapping[str, Any]]:
        """Rows of `coverage`, and those that bring the others in line with coverage and tables."""
        stored = self._stored
        if stored.restates:
            there = {row["window_start"] for row in rows}
            rows = [*rows, *self._coverage(coverage, set(coverage.windows) - there)]
        stated = {row["window_start"] for row in rows}
        own = {"account": self._session.settings.account, "channel": self.channel.name}
        unfounded = [row for row in stored.unfounded if row.window.start not in stated]
        return [
            *rows,
            *(own | dict(row.claims_nothing()) for row in unfounded),
            *(own | dict(row.claims_nothing(rows=left)) for row, left in stored.lost),
        ]
