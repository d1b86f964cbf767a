"""What one run does on one channel, in one load package or several; knows neither dlt nor a file.

Each package carries the coverage of exactly the rows in it: the ledger that `package` leaves in
`state`, and the tables that it yields, are to be committed together or not at all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import pyarrow as pa

from comms_source.backfill import Backfill
from comms_source.batches import Batch, batch_of, empty_batch
from comms_source.budget import Budget
from comms_source.channels import Channel
from comms_source.coverage import Ledger, Reading, latest
from comms_source.following import OpenOperation, due_by_id, follow
from comms_source.history import history_rows
from comms_source.journal import ChannelRecord
from comms_source.planner import Walk, plan, retained
from comms_source.reading import Agenda, OnError, read_channel
from comms_source.records import COVERAGE, FOLLOWED, GAPS, RECORDS, REJECTED, Record
from comms_source.session import Session
from comms_source.tables import ids_before
from comms_source.windows import Span

LEDGERS: Final = "coverage"
"""Where a channel's state keeps its ledgers, by account."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one table: of the channel's operations, of their history, or of records."""

    rows: pa.Table
    kind: Record | Literal["operations", "history"] = "operations"

    def table(self, channel: Channel) -> str:
        """The name of the table."""
        if isinstance(self.kind, Record):
            return self.kind.table
        return channel.table if self.kind == "operations" else channel.history_table


class ChannelRun:
    """One run on one channel. `package` is called until `done`."""

    def __init__(
        self,
        *,
        channel: Channel,
        session: Session,
        on_error: OnError,
        start: datetime | None = None,
        walks: Sequence[Walk] | None = None,
        backfill: Backfill | None = None,
        remembers: bool = True,
        elsewhere: Ledger | None = None,
        opened: Sequence[OpenOperation] = (),
    ) -> None:
        """Prepare a run; nothing is planned or read yet.

        Args:
            channel: The channel to read.
            session: What the channels share.
            on_error: Whether the first failure of a walk ends the run.
            start: Read nothing created before; by default all that the API answers for.
            walks: What to read, whatever was read before; by default what is due.
            backfill: A range to read chunk by chunk, as far as an earlier run has not done it.
            remembers: Whether coverage is kept.
            elsewhere: What other pipelines remember of the channel; what is later goes on.
            opened: The operations that are open in the warehouse; those past retention are asked
                for by id.
        """
        self.channel = channel
        self.done = False
        self._session = session
        self._on_error = on_error
        self._start = start
        self._walks = walks
        self._backfill = backfill
        self.remembers = remembers
        self._covers = remembers and not (backfill and backfill.in_lane)
        self._elsewhere = elsewhere or Ledger()
        self._opened = opened
        self._agenda: Agenda | None = None
        self._old_ids: set[str] = set()
        """Operations past retention that a list showed after all, in this run."""

    def package(
        self, *, state: MutableMapping[str, Any], load_id: str, budget: Budget
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
            ChannelRefused, WalkFailed: with `on_error="raise"`.
        """
        account = self._session.settings.account
        ledgers = state.setdefault(LEDGERS, {})
        ledger = latest([Ledger.from_state(ledgers.get(account)), self._elsewhere])
        yield from shapes(self.channel)
        if self._agenda is None:
            self._agenda, gaps = self._begin(ledger, state)
            yield Piece(GAPS.rows(self._gap_rows(gaps), load_id=load_id), GAPS)
        yield from self._read(self._agenda, load_id=load_id, budget=budget)
        readings = self._take_readings(self._agenda)
        touched = self._enter(ledger, readings)
        self.done = not self._agenda.waiting
        if self.done:
            yield from self._follow(load_id)
            self._conclude(ledger)
        if self._covers:
            ledgers[account] = ledger.to_state()
        if self._backfill is not None:
            done = self.done and self.record.read_all
            self._backfill.note(readings, state=state, account=account, done=done)
        if self._covers:
            rows = self._coverage(ledger, touched)
            yield Piece(COVERAGE.rows(rows, load_id=load_id), COVERAGE)

    @property
    def record(self) -> ChannelRecord:
        """What the journal notes of this channel."""
        return self._session.journal.channel(self.channel.name)

    def _begin(self, ledger: Ledger, state: Mapping[str, Any]) -> tuple[Agenda, list[Span]]:
        """Fold what the API has forgotten, and plan; returns the walks and the gaps found."""
        policy, now = self._session.settings.policy, self._session.now
        gaps = ledger.fold(now=now, kept=policy, since=self._start)
        ledger.drop_stale_parts(now=now, ratio=policy.refresh_ratio)
        walks = self._walks
        if walks is None:
            walks = plan(now=now, ledger=ledger, policy=policy, since=self._start)
        if self._backfill is not None:
            walks = self._backfill.walks(state, account=self._session.settings.account)
        self.record.walks_planned += len(walks)
        self.record.gaps.extend(gaps)
        return Agenda(deque(walks)), gaps

    def _read(self, agenda: Agenda, *, load_id: str, budget: Budget) -> Iterator[Piece]:
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

    def _take_readings(self, agenda: Agenda) -> list[Reading]:
        readings, agenda.readings = agenda.readings, []
        return readings

    def _enter(self, ledger: Ledger, readings: Sequence[Reading]) -> set[datetime]:
        policy, now = self._session.settings.policy, self._session.now
        start = self._start or retained(now=now, policy=policy).start
        within = Span(min([start, *(reading.span.start for reading in readings)]), now)
        return {
            window
            for reading in readings
            for window in ledger.note(reading, within=within, kept=policy)
        }

    def _follow(self, load_id: str) -> Iterator[Piece]:
        if self.record.refused:
            return
        policy, now = self._session.settings.policy, self._session.now
        opened = [operation for operation in self._opened if operation.id not in self._old_ids]
        due = due_by_id(opened, now=now, policy=policy)
        followed = follow(due, channel=self.channel, session=self._session, load_id=load_id)
        self.record.followed += len(due)
        self.record.lost += sum(row["outcome"] == "lost" for row in followed.records)
        self.record.unfollowed |= {name: str(error) for name, error in followed.failures.items()}
        if followed.failures and self._on_error == "raise":
            raise next(iter(followed.failures.values()))
        if followed.pages:
            yield from self._pieces(batch_of(followed.pages))
        yield Piece(FOLLOWED.rows(followed.records, load_id=load_id), FOLLOWED)

    def _conclude(self, ledger: Ledger) -> None:
        if self.record.read_all and self._walks is None and self._backfill is None:
            ledger.complete_at = self._session.now

    def _gap_rows(self, gaps: Sequence[Span]) -> list[Mapping[str, Any]]:
        return [
            {
                "account": self._session.settings.account,
                "channel": self.channel.name,
                "gap_start": gap.start,
                "gap_end": gap.end,
                "found_at": self._session.now,
            }
            for gap in gaps
        ]

    def _coverage(self, ledger: Ledger, touched: set[datetime]) -> list[Mapping[str, Any]]:
        width = self._session.settings.window
        return [
            {
                "account": self._session.settings.account,
                "channel": self.channel.name,
                "window_start": start,
                "window_end": start + width,
                "read_at": ledger.windows[start].read_at,
                "rows_read": ledger.windows[start].rows,
                "is_complete": ledger.windows[start].complete,
            }
            for start in sorted(touched)
        ]


def shapes(channel: Channel) -> Iterator[Piece]:
    """No rows, for every table that a channel's resource fills, so that all of them come to be."""
    yield from pieces(empty_batch(channel), channel=channel, history=True)
    yield from (Piece(record.empty(), record) for record in RECORDS if record is not REJECTED)


def pieces(batch: Batch, *, channel: Channel, history: bool) -> Iterator[Piece]:
    """What a batch brings to each table."""
    yield Piece(batch.operations)
    if history:
        yield Piece(history_rows(batch.operations, channel), "history")
    yield Piece(batch.rejected, REJECTED)
