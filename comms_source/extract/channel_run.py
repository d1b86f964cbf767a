"""What one run does on one channel, in one load package or several; knows neither dlt nor a file.

For each package: `open` with the state, then `scan`, then `close`. Rows, state and bookkeeping of a
package belong together: they are to be committed all or not at all.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from comms_source.channels import Channel
from comms_source.coverage.channel_coverage import MAX_CLOCK_SKEW, ChannelCoverage, ScanResult
from comms_source.coverage.open_operations import due_by_id
from comms_source.coverage.planner import retained
from comms_source.coverage.scan_plans import DueScans, ScanPlan
from comms_source.coverage.state import OWNERS, read_coverage, write_coverage
from comms_source.coverage.stored_channel import StoredChannel
from comms_source.errors import ChannelRefused, ScanFailed
from comms_source.extract.bookkeeping_rows import (
    BookkeepingRows,
    gaps_from_state,
    gaps_to_state,
)
from comms_source.extract.by_id import follow
from comms_source.extract.news import News
from comms_source.extract.parallel_scans import OnError, PageLimit, ParallelScans, ScanQueue
from comms_source.extract.run_stats import IN_SUMMARY, ChannelStats
from comms_source.extract.session import Session
from comms_source.tables.batches import batches, pieces_of
from comms_source.tables.bookkeeping import COVERAGE, FOLLOWED, GAPS
from comms_source.tables.operations import ids_before, operations_table
from comms_source.tables.specs import Piece
from comms_source.timespans import SECOND, Span
from comms_source.words import counted

UNRECORDED: Final = "unrecorded"
"""Where a channel's state keeps gaps that are in no table yet, by account. An account that is there
lacks rows in `coverage`, so the next run with bookkeeping writes them all again."""

_YOUNG: Final = timedelta(days=1)
"""How old the newest row may be to confirm this machine's clock, where the API does not say its
time."""

logger = logging.getLogger("comms_source")


class ChannelRun:
    """One run on one channel; packages follow each other until it is `done`."""

    def __init__(
        self,
        *,
        channel: Channel,
        session: Session,
        on_error: OnError,
        plan: ScanPlan | None = None,
        stored: StoredChannel | None = None,
    ) -> None:
        """Prepare a run; nothing is planned or read yet.

        Args:
            channel: The channel to read.
            session: What the channels share.
            on_error: Whether the first failure of a scan ends the run.
            plan: What to read; by default what is due.
            stored: What the destination holds of the channel; by default nothing is known of it.
        """
        self.channel = channel
        self.done = False
        self.plan = plan or DueScans()
        self._session = session
        self._on_error = on_error
        self._stored = stored or StoredChannel()
        self._news = News(self._stored)
        self._scans: ScanQueue | None = None
        self._coverage = ChannelCoverage()
        self._begins = True
        self._is_first = False
        self._last_read: datetime | None = None
        self._old_ids: set[str] = set()
        """Operations past retention that a list showed after all, in this run."""
        self._followed: list[dict[str, Any]] = []

    @property
    def stats(self) -> ChannelStats:
        """What the run stats count of this channel."""
        return self._session.stats.channel(self.channel.name)

    def open(self, state: MutableMapping[str, Any]) -> None:
        """Begin a package: go on from the coverage in `state`, and plan the run if it is the first.

        Raises:
            RunStopped: if other credentials than before are refused.
        """
        self._coverage = read_coverage(state, self._session.settings.account)
        self._news.recall(state, self._session.settings.account)
        self._begins = self._scans is None
        if self._begins:
            self._scans = self._planned(state)

    def scan(self, limit: PageLimit) -> Iterator[Piece]:
        """Read until nothing is left or the limit is reached; yields rows as they come.

        Raises:
            RunStopped: also with `on_error="continue"`.
            ChannelRefused, ScanFailed: with `on_error="raise"`.
        """
        scans = self._queue
        reader = ParallelScans(
            channel=self.channel,
            session=self._session,
            on_error=self._on_error,
            scans=scans,
            limit=limit,
            news=self._news,
        )
        horizon = self._session.now - self._session.settings.retention
        own = operations_table(self.channel)
        for piece in batches(reader.pages(), channel=self.channel):
            if piece.spec is own:
                self._old_ids |= ids_before(piece.rows, horizon)
            yield piece
        self.done = not scans.waiting
        if self.done:
            yield from self._follow()

    def close(self, state: MutableMapping[str, Any], *, recorded: bool = True) -> list[Piece]:
        """End a package: enter what was read into `state`, and return the bookkeeping's rows.

        Args:
            state: What `open` was given.
            recorded: Whether the rows that are returned go to their tables. Where not, what they
                say is kept in the state for a run that writes them.
        """
        account, coverage = self._session.settings.account, self._coverage
        make = BookkeepingRows(account=account, channel=self.channel.name, now=self._session.now)
        results = self._take_results()
        if self._session.is_clock_confirmed:
            coverage.forget_later_than(self._session.clock(), kept=self._session.settings.policy)
        touched = self._enter(results)
        if self._begins:
            # What the state knows of them is still true.
            touched |= {
                row.window.start for row in self._stored.unfounded
            } & coverage.windows.keys()
        # Before those that the API has forgotten meanwhile leave the coverage.
        covered = make.windows(coverage, touched)
        gaps = make.gaps(self._expire(results), reason="never read")
        if self._begins:
            gaps += make.gaps(self._stored.unrecoverable_spans, reason="rows missing")
        done = self.done and self.stats.read_all
        if done and self.plan.reads_all_due:
            coverage.complete_at = self._session.now
        self.plan.note(results, state=state, account=account, done=done)
        if not self.plan.keeps_coverage:
            return [Piece(GAPS, GAPS.rows(gaps)), *self._followed_pieces()]
        write_coverage(state, account, coverage)
        unrecorded = state.setdefault(UNRECORDED, {}).pop(account, None)
        gaps += gaps_from_state(unrecorded or ())
        if not recorded:
            state[UNRECORDED][account] = gaps_to_state(gaps)
            return []
        self._news.remember(state, account, stats=self.stats)
        if self._begins:
            restates = self._stored.restates or unrecorded is not None
            covered += make.corrections(covered, self._stored, coverage, restates=restates)
        return [
            Piece(GAPS, GAPS.rows(gaps)),
            *self._followed_pieces(),
            Piece(COVERAGE, COVERAGE.rows(covered)),
        ]

    @property
    def _queue(self) -> ScanQueue:
        if self._scans is None:
            raise AssertionError("a package is opened before it is read")
        return self._scans

    def _planned(self, state: MutableMapping[str, Any]) -> ScanQueue:
        """Plan what to read."""
        policy, now = self._session.settings.policy, self._session.now
        coverage = self._coverage
        if coverage.tracked_from is None:
            # What was read before a state was lost is known from the table; it is no first run.
            coverage.tracked_from = self._stored.complete_to
        self._forget_missing()
        self._forget_others(state)
        self._is_first = coverage.tracked_from is None
        self._last_read = coverage.last_read
        coverage.set_width(policy.window)
        coverage.drop_stale_parts(now=now, ratio=policy.refresh_ratio)
        scans = self.plan.scans(
            coverage=coverage,
            state=state,
            account=self._session.settings.account,
            now=now,
            policy=policy,
        )
        self.stats.scans += len(scans)
        return ScanQueue(deque(scans), unit=coverage.unit(policy.window))

    def _forget_missing(self) -> None:
        """Forget windows whose rows are no longer in the table."""
        short = self._stored.short
        self._coverage.forget(short)
        if short:
            logger.warning(
                "%s: the table lacks rows of %s; what the API still has is read again",
                self.channel.name,
                counted(len(short), "window"),
                extra=IN_SUMMARY,
            )
        self.stats.windows_missing_rows += len(short)
        self.stats.unrecoverable_rows.extend(self._stored.unrecoverable_spans)

    def _forget_others(self, state: MutableMapping[str, Any]) -> None:
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
        coverage = self._coverage
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

    def _take_results(self) -> list[ScanResult]:
        results, self._queue.results = self._queue.results, []
        # Without any sign of the API's time nobody can say what was closed when it was read.
        return results if self._knows_the_time else []

    def _enter(self, results: Sequence[ScanResult]) -> set[datetime]:
        policy, now = self._session.settings.policy, self._session.now
        start = (self.plan.start if isinstance(self.plan, DueScans) else None) or retained(
            now=now, policy=policy
        ).start
        within = Span(min([start, *(result.span.start for result in results)]), now)
        return {
            window
            for result in results
            for window in self._coverage.note(result, within=within, kept=policy)
        }

    @property
    def _knows_the_time(self) -> bool:
        """Whether the API has said its time, or its rows confirm that the clock may be right.

        A clock that was set back, to before the last read, is not right.
        """
        session, last = self._session, self._last_read
        if session.is_clock_confirmed:
            return True
        set_back = last is not None and session.now + MAX_CLOCK_SKEW < last
        return session.api_time is not None and not set_back

    def _expire(self, results: Sequence[ScanResult]) -> list[Span]:
        """Account for what the API has forgotten, as far as its own clock confirms it.

        A window that expired in part while it was read is never complete, so it is accounted for
        now, and not by the next run. In a first run nothing is owed that the API forgot before the
        reading ended, however long it took.
        """
        session, coverage = self._session, self._coverage
        api_time = session.api_time
        if api_time is None or not self._knows_the_time:
            return []
        ended = max((result.ended for result in results), default=session.now)
        now = min(ended, api_time + SECOND)  # The API says its time in whole seconds.
        if self._is_first:
            if not session.is_clock_confirmed and api_time < session.clock() - _YOUNG:
                return []  # The clock may be ahead, and then too much would be accounted for.
            now = max(session.clock(), api_time) + (session.allowed.margin or timedelta(0))
            coverage.tracked_from = None
        since = self.plan.start if isinstance(self.plan, DueScans) else None
        gaps = coverage.expire(now=now, kept=session.settings.policy, since=since)
        self.stats.gaps.extend(gaps)
        return gaps

    def _follow(self) -> Iterator[Piece]:
        if self.stats.refused:
            return
        policy, now = self._session.settings.policy, self._session.now
        opened = [each for each in self._stored.opened if each.id not in self._old_ids]
        due = due_by_id(opened, now=now, policy=policy)
        followed = follow(due, channel=self.channel, session=self._session)
        self.stats.followed += len(due)
        self.stats.not_found += sum(row["outcome"] == "not_found" for row in followed.records)
        self.stats.unfollowed |= {name: str(error) for name, error in followed.failures.items()}
        if followed.failures and self._on_error == "raise":
            raise next(iter(followed.failures.values()))
        self._followed = followed.records
        for page in followed.pages:
            self._news.note(page, self.stats)
        if followed.pages:
            yield from pieces_of(followed.pages, channel=self.channel)

    def _followed_pieces(self) -> list[Piece]:
        records, self._followed = self._followed, []
        return [Piece(FOLLOWED, FOLLOWED.rows(records))]
