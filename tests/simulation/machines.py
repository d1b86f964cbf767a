"""Machines that run the connector in a simulated world, and may die at any step.

`MemoryMachine` simulates dlt and a warehouse, with dlt's rules. What a run extracts is kept on the
machine, with its state. A load writes table by table, then the state; only a complete load counts.
What a dead run had extracted is loaded before anything else. A job may fail while others of its
package succeed. Histories grow by the rules of dlt's `scd2`. The warehouse may be restored from a
backup without the machine knowing.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from unittest import mock

import pyarrow as pa

from comms_source.channels import CHANNELS
from comms_source.coverage.channel_coverage import ChannelCoverage
from comms_source.coverage.details import DetailsWork, KindRead, look_back, plan_details
from comms_source.coverage.open_operations import OPEN_STATUSES, OpenOperation
from comms_source.coverage.state import read_coverage
from comms_source.coverage.stored_channel import CoverageRow, StoredChannel
from comms_source.destinations import stored_details
from comms_source.destinations.destination_state import may_go_on
from comms_source.errors import ClockSkewed, LoadFailed
from comms_source.extract import details_run
from comms_source.extract.channel_run import ChannelRun
from comms_source.extract.details_run import PACKAGE_ROWS, DetailsRun
from comms_source.extract.parallel_scans import PageLimit
from comms_source.extract.session import Session
from comms_source.tables.bookkeeping import COVERAGE
from comms_source.tables.detail_tables import (
    ATTEMPTS,
    DETAIL_TABLES,
    DETAILS,
    resource_table,
)
from comms_source.tables.history import (
    ROW_VERSION,
    VALID_FROM,
    VALID_TO,
    history_rows,
    package_date,
)
from comms_source.tables.operations import operations_table
from comms_source.tables.specs import LOAD_ID, Piece
from comms_source.timespans import Span, parse_instant, to_iso
from tests.simulation.world import CHANNEL, Crash

HISTORY = "history"
"""The name of the channel's history in machines."""
RESOURCES = "resources"
"""The name of the table of the channel's resources in machines."""
KEYS: dict[str, tuple[str, ...]] = {
    **{spec.name: tuple(spec.key) for spec in DETAIL_TABLES},
    CHANNEL: ("id",),
    "coverage": ("window_start", "window_end"),
    "gaps": ("gap_start",),
    "followed_operations": ("operation_id",),
    "rejected_operations": ("row_key",),
}
COUNTERS = CHANNELS[CHANNEL].counters
KEPT = ("id", "status", "created_at", "updated_at", "synced_at", *COUNTERS)

Rows = dict[str, list[dict[str, Any]]]


class Machine(Protocol):
    """Runs the connector, and keeps what it loads."""

    dies: float
    """The probability of dying at each step."""
    unloadable: float
    """The probability that the warehouse rejects what a dead run left."""
    fails: float
    """The probability that a job fails while the others of its package succeed."""
    hazard: float
    """The same two probabilities while details are read and loaded, where it is larger."""
    package: int
    """After the details of how many operations a run commits."""

    @property
    def torn(self) -> Mapping[str, datetime]:
        """Operations of lost packages that were partly loaded, and when those had been read.

        Either the rows or the histories had been loaded, so until the operations are read again the
        two may differ.
        """

    def run(self, session: Session) -> bool:
        """Returns whether a run read all that was due; raises `Crash` if it dies."""

    def move(self) -> None:
        """Continue on another machine: only the warehouse is kept."""

    def back_up(self) -> None:
        """Keep a copy of the warehouse, instead of an earlier one."""

    def restore(self) -> bool:
        """Restore the warehouse from the copy; False if there is none."""

    def coverage(self) -> ChannelCoverage:
        """The coverage in the warehouse."""

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table; `CHANNEL`, `HISTORY` and `RESOURCES` are those of the channel."""

    def details_read(self) -> list[dict[str, Any]]:
        """The rows of `operation_details`, of packages that were loaded whole."""


@dataclass(slots=True)
class Package:
    """What one extract leaves to load."""

    rows: Rows
    state: dict[str, Any]
    load_id: float
    read_by: datetime
    """When the extract ended, which is when its states begin to be valid."""
    loaded: set[str] = field(default_factory=set)

    @property
    def torn(self) -> bool:
        """Whether either rows or histories are loaded, but not both."""
        return len(self.loaded & {CHANNEL, HISTORY}) == 1


@dataclass(slots=True)
class MemoryMachine:
    """A machine with a working folder, and a warehouse elsewhere."""

    chance: random.Random
    tables: dict[str, dict[Any, dict[str, Any]]] = field(default_factory=dict)
    histories: Rows = field(default_factory=dict)
    """The states of each operation, the current one last."""
    torn: dict[str, datetime] = field(default_factory=dict)
    loads: set[float] = field(default_factory=set)
    """The packages that were loaded whole."""
    stored_state: dict[str, Any] = field(default_factory=dict)
    local_state: dict[str, Any] | None = None
    pending: Package | None = None
    before_pending: dict[str, Any] = field(default_factory=dict)
    dies: float = 0.0
    """The probability of dying at each step."""
    unloadable: float = 0.0
    """The probability that the warehouse rejects what a dead run left."""
    fails: float = 0.0
    """The probability that a job fails while the others of its package succeed."""
    hazard: float = 0.0
    """The same two probabilities while details are read and loaded, where it is larger."""
    package: int = PACKAGE_ROWS
    """After the details of how many operations a run commits."""
    copy: tuple[Any, ...] | None = None

    def run(self, session: Session) -> bool:
        """Returns whether a run read all that was due; raises `Crash` if it dies."""
        session.now  # noqa: B018 - fixed here, as in the commands
        sound = self.finish_pending()
        run = self._begin(session, sound=sound)
        while not run.done:
            before = self.current_state()
            state = json.loads(json.dumps(before))  # As dlt keeps it.
            try:
                rows = _extract(run, session, state)
            except ClockSkewed as skewed:
                session = session.corrected(skewed.skew)
                run = self._begin(session, sound=sound)
                continue
            self._step()
            date = _date(state, session)
            state |= {"dated": date} if rows[HISTORY] else {}
            self._commit(rows, state, read_by=parse_instant(date))
        if session.settings.details:
            with self._at_risk():
                self._read_details(session)
        return run.stats.read_all

    @contextmanager
    def _at_risk(self) -> Iterator[None]:
        usual = self.dies, self.fails
        self.dies, self.fails = max(self.dies, self.hazard), max(self.fails, self.hazard)
        try:
            yield
        finally:
            self.dies, self.fails = usual

    def _read_details(self, session: Session) -> None:
        """As `_commit_details` does it, on one thread: so that a seed can be replayed."""
        run = DetailsRun(work=self._work(session), session=session, on_error="continue")
        while True:
            with mock.patch.object(details_run, "ThreadPoolExecutor", SameThread):
                rows = _rows_of(run.scan(most=self.package))
            self._step()
            state = json.loads(json.dumps(self.current_state()))
            self._commit(rows, state, read_by=session.clock())
            if run.done:
                return

    def _work(self, session: Session) -> DetailsWork:
        """As `details_work` returns it."""
        now, settings = session.now, session.settings
        done = self.details_read()
        since = look_back(
            now=now,
            retention=settings.retention,
            last_read=max((row["read_at"] for row in done if row["read_at"]), default=None),
        )
        reads = {
            (CHANNEL, row["operation_id"], row["kind"]): KindRead(
                row["outcome"], row["read_at"], row["read_version"]
            )
            for row in done
            if row["created_at"] >= since
        }
        first: dict[Any, datetime] = {}
        for row in self.rows(DETAILS.name):
            key = (CHANNEL, row["kind"])
            first[key] = min(row["created_at"], first.get(key, row["created_at"]))
        operations = [row for row in self.rows(CHANNEL) if row["created_at"] >= since]
        plan = plan_details(
            stored_details._operations(
                [pa.Table.from_pylist(operations, schema=STORED)], channel=CHANNELS[CHANNEL]
            ),
            reads,
            now=now,
            policy=settings.details_policy,
            since=first,
        )
        asked: dict[str, set[str]] = {}
        for row in self.rows(ATTEMPTS.name):
            asked.setdefault(row["operation_id"], set()).add(row["message_id"])
        return DetailsWork(plan, {key: frozenset(ids) for key, ids in asked.items()})

    def _commit(self, rows: Rows, state: dict[str, Any], *, read_by: datetime) -> None:
        self.before_pending = self.current_state()
        load_id = self.chance.random()
        state |= {"based_on": self.before_pending.get("hash"), "hash": load_id}
        self.pending = Package(rows, state, load_id, read_by)
        self.local_state = state
        self._step()
        self._load(self.pending)

    def _begin(self, session: Session, *, sound: bool) -> ChannelRun:
        return ChannelRun(
            channel=CHANNELS[CHANNEL],
            session=session,
            on_error="continue",
            stored=self._stored(session, sound=sound),
        )

    def _stored(self, session: Session, *, sound: bool) -> StoredChannel:
        """As `stored_account` returns it."""
        coverage = _coverage(self.current_state())
        before = session.now - session.settings.retention
        opened = self.open_operations()
        unfounded = [
            CoverageRow(window, row["read_at"], 0)
            for row in self.rows(COVERAGE.name)
            for window in [Span(row["window_start"], row["window_end"])]
            if row["is_complete"]
            and (
                row[LOAD_ID.name] not in self.loads
                or not (sound or window.end <= before or coverage.is_complete(window))
            )
        ]
        return StoredChannel(opened=opened, unfounded=unfounded, restates=not sound)

    def finish_pending(self) -> bool:
        """Load what a dead run left, or drop it and return to the state before.

        Returns whether everything was as the last run had left it.
        """
        own, stored = (self.local_state or {}).get("hash"), self.stored_state.get("hash")
        base = (self.local_state or {}).get("based_on") if self.pending else own
        if not may_go_on(own=own, based_on=base, stored=stored):
            self._lose_pending()
            self.local_state = None
            return False
        if self.pending is None:
            return True
        self._finish()
        return False

    def _finish(self) -> None:
        if self.pending is None:
            return
        loaded = self.stored_state is self.pending.state  # It died before it had recorded that.
        if not loaded and self.chance.random() < self.unloadable:
            retract_coverage(self.tables, self.pending)
            self._lose_pending()
            self.local_state = self.before_pending
        else:
            self._load(self.pending)

    def move(self) -> None:
        """Continue on another machine: only the warehouse is kept."""
        self._lose_pending()
        self.local_state = None

    def back_up(self) -> None:
        """Keep a copy of the warehouse, instead of an earlier one."""
        torn = self.torn | _torn(self.pending)
        kept = (self.tables, self.histories, self.stored_state, self.loads, torn)
        self.copy = deepcopy(kept)

    def restore(self) -> bool:
        """Restore the warehouse from the copy; False if there is none."""
        if self.copy is None:
            return False
        self.tables, self.histories, self.stored_state, self.loads, self.torn = deepcopy(self.copy)
        if self.pending:
            self.pending.loaded.clear()
        return True

    def _lose_pending(self) -> None:
        lost, self.pending = self.pending, None
        self.torn |= _torn(lost)

    def current_state(self) -> dict[str, Any]:
        """The state that the next extract starts with."""
        return self.stored_state if self.local_state is None else self.local_state

    def coverage(self) -> ChannelCoverage:
        """The coverage in the warehouse."""
        return _coverage(self.stored_state)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table; `CHANNEL`, `HISTORY` and `RESOURCES` are those of the channel."""
        if table == HISTORY:
            return [state for states in self.histories.values() for state in states]
        return list(self.tables.get(table, {}).values())

    def details_read(self) -> list[dict[str, Any]]:
        """The rows of `operation_details`, of packages that were loaded whole."""
        return [row for row in self.rows(DETAILS.name) if row[LOAD_ID.name] in self.loads]

    def open_operations(self) -> list[OpenOperation]:
        """The operations that have not ended, and that the API still has."""
        followed = self.rows("followed_operations")
        lost = {row["operation_id"] for row in followed if row["outcome"] == "not_found"}
        return [
            OpenOperation(row["id"], row["created_at"], row["synced_at"])
            for row in self.rows(CHANNEL)
            if row["status"] in OPEN_STATUSES and row["id"] not in lost
        ]

    def _load(self, package: Package) -> None:
        refusable = [CHANNEL, HISTORY] if CHANNEL in package.rows else sorted(package.rows)
        fails = self.chance.random() < self.fails and refusable
        refused = self.chance.choice(refusable) if fails else ""
        for table in self.chance.sample(sorted(package.rows), len(package.rows)):
            if table == refused:
                continue
            if table == HISTORY:
                follow(self.histories, package.rows[table], package.read_by)
            else:
                rows = [{**row, LOAD_ID.name: package.load_id} for row in package.rows[table]]
                _merge(self.tables.setdefault(table, {}), table, rows)
            package.loaded.add(table)
            self._step()
        if refused in package.rows:
            retract_coverage(self.tables, package)
            raise LoadFailed("simulated")
        self.stored_state = package.state
        self.loads.add(package.load_id)
        self._step()
        self.pending = None
        self._step()

    def _step(self) -> None:
        if self.chance.random() < self.dies:
            raise Crash


def _torn(package: Package | None) -> dict[str, datetime]:
    """The operations of a package that is partly loaded, and when it had been read."""
    if package is None or not package.torn:
        return {}
    return {row["id"]: package.read_by for row in package.rows[CHANNEL]}


def retract_coverage(tables: dict[str, dict[Any, dict[str, Any]]], package: Package) -> None:
    """Mark the windows of a package as incomplete in `coverage`, as after a failed load."""
    for row in package.rows.get(COVERAGE.name, ()):
        there = tables.get(COVERAGE.name, {}).get(tuple(row[name] for name in KEYS["coverage"]))
        if there is not None:
            there["is_complete"] = False


def _coverage(state: dict[str, Any]) -> ChannelCoverage:
    return read_coverage(state, "default")


def _date(state: dict[str, Any], session: Session) -> str:
    """The date of a package, as in `date_package`."""
    date = read_by(session)
    last = state.get("dated")
    return to_iso(package_date(date, last=parse_instant(last), is_same=False) if last else date)


def read_by(session: Session) -> datetime:
    """When the read ended; called at the end of an extract."""
    return session.clock()


def _extract(run: ChannelRun, session: Session, state: dict[str, Any]) -> Rows:
    run.open(state)
    pieces = [*run.scan(PageLimit(session.settings.commit_pages)), *run.close(state)]
    return {CHANNEL: [], HISTORY: []} | _rows_of(pieces)


def _rows_of(pieces: Iterable[Piece]) -> Rows:
    rows: Rows = {}
    own = operations_table(CHANNELS[CHANNEL])
    names = {resource_table(CHANNELS[CHANNEL]): RESOURCES}
    for piece in pieces:
        if piece.spec is own:
            states = history_rows(piece.rows).select([*KEPT, ROW_VERSION])
            rows.setdefault(HISTORY, []).extend(states.to_pylist())
            rows.setdefault(CHANNEL, []).extend(piece.rows.select(KEPT).to_pylist())
        else:
            name = names.get(piece.spec, piece.spec.name)
            rows.setdefault(name, []).extend(piece.rows.to_pylist())
    return rows


class SameThread(Executor):
    """Does at once what is submitted."""

    def __init__(self, *_: object) -> None:
        pass

    def submit(self, fn: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        """The result of `fn`, or the error that it raised."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*given, **named))
        except Exception as error:  # noqa: BLE001 - the future raises it
            future.set_exception(error)
        return future


STORED = pa.schema([operations_table(CHANNELS[CHANNEL]).columns.field(name) for name in KEPT])
"""The columns of operations that machines keep."""


def _merge(into: dict[Any, dict[str, Any]], table: str, rows: list[dict[str, Any]]) -> None:
    """Merge as dlt does: of two rows in one load the later one counts, and replaces the old one."""
    key = KEYS.get(table, ("id",))
    newest = sorted(rows, key=lambda row: row.get("synced_at") or datetime.min)  # noqa: DTZ901
    for row in newest:
        into[tuple(row[name] for name in key)] = dict(row)


def follow(histories: Rows, staged: list[dict[str, Any]], instant: datetime) -> None:
    """Merge as dlt's scd2 does: a version that differs from the current one replaces it.

    It compares all staged versions with all current ones, so two versions of one operation in one
    package would both become current.
    """
    staged_of: Rows = {}
    for row in staged:
        staged_of.setdefault(row["id"], []).append(row)
    for key, rows in staged_of.items():
        states = histories.setdefault(key, [])
        versions = {row[ROW_VERSION] for row in rows}
        current = [state for state in states if state[VALID_TO] is None]
        for state in current:
            state[VALID_TO] = None if state[ROW_VERSION] in versions else instant
        known = {state[ROW_VERSION] for state in current}
        fresh = [row for row in rows if row[ROW_VERSION] not in known]
        states += [{**row, VALID_FROM: instant, VALID_TO: None} for row in fresh]
