"""Machines that run the connector in a made-up world, and may die at any step.

`MemoryMachine` stands in for dlt and a warehouse, with dlt's rules: what a run extracts is kept on
the machine, state included; loading goes table by table, then state; only a load that ended counts
as one; what a dead run had extracted is loaded before anything else.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from comms_source.budget import Budget
from comms_source.channels import CHANNELS
from comms_source.coverage import Ledger
from comms_source.extracting import LEDGERS, ChannelRun
from comms_source.following import OPEN_STATUSES, OpenOperation
from comms_source.session import Session
from tests.simulation.world import CHANNEL, Crash

KEYS = {
    "coverage": ("window_start", "window_end"),
    "gaps": ("gap_start",),
    "followed_operations": ("operation_id",),
    "rejected_operations": ("row_key",),
}
KEPT = ("id", "status", "created_at", "updated_at", "synced_at", "queued", "sent", "delivered")

Rows = dict[str, list[dict[str, Any]]]


class Machine(Protocol):
    """What runs the connector, and keeps what it loads."""

    dies: float
    """How likely it dies at each step."""
    unloadable: float
    """How likely the warehouse refuses what a dead run left."""

    def run(self, session: Session) -> bool:
        """Whether a run read all that was due; raises `Crash` where it dies."""

    def move(self) -> None:
        """Go on with another machine: only the warehouse is the same."""

    def ledger(self) -> Ledger:
        """The ledger in the warehouse."""

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table; a channel's by its name."""


@dataclass(slots=True)
class Package:
    """What one extract leaves to be loaded."""

    rows: Rows
    state: dict[str, Any]


@dataclass(slots=True)
class MemoryMachine:
    """A machine with a working folder, and a warehouse elsewhere."""

    chance: random.Random
    tables: dict[str, dict[Any, dict[str, Any]]] = field(default_factory=dict)
    stored_state: dict[str, Any] = field(default_factory=dict)
    local_state: dict[str, Any] | None = None
    pending: Package | None = None
    before_pending: dict[str, Any] = field(default_factory=dict)
    dies: float = 0.0
    """How likely it dies at each step."""
    unloadable: float = 0.0
    """How likely the warehouse refuses what a dead run left."""

    def run(self, session: Session) -> bool:
        """Whether a run read all that was due; raises `Crash` where it dies."""
        session.now  # noqa: B018 - fixed here, as the commands do
        self.finish_pending()
        run = ChannelRun(
            channel=CHANNELS[CHANNEL],
            session=session,
            on_error="continue",
            opened=self.open_operations(),
        )
        while not run.done:
            state = json.loads(json.dumps(self.current_state()))  # As dlt keeps it.
            rows = _extract(run, session, state)
            self._step()
            self.before_pending = self.current_state()
            self.pending, self.local_state = Package(rows, state), state
            self._step()
            self._load(self.pending)
        return run.record.read_all

    def finish_pending(self) -> None:
        """Load what a dead run left, or drop it and go back to the state before."""
        if self.pending is None:
            return
        loaded = self.stored_state is self.pending.state  # It died before it had put that down.
        if not loaded and self.chance.random() < self.unloadable:
            self.pending, self.local_state = None, self.before_pending
        else:
            self._load(self.pending)

    def move(self) -> None:
        """Go on with another machine: only the warehouse is the same."""
        self.pending, self.local_state = None, None

    def current_state(self) -> dict[str, Any]:
        """The state that the next extract begins with."""
        return self.stored_state if self.local_state is None else self.local_state

    def ledger(self) -> Ledger:
        """The ledger in the warehouse."""
        return Ledger.from_state(self.stored_state.get(LEDGERS, {}).get("default"))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table."""
        return list(self.tables.get(table, {}).values())

    def open_operations(self) -> list[OpenOperation]:
        """What has not ended and is not lost from sight."""
        followed = self.rows("followed_operations")
        lost = {row["operation_id"] for row in followed if row["outcome"] == "lost"}
        return [
            OpenOperation(row["id"], row["created_at"], row["synced_at"])
            for row in self.rows(CHANNEL)
            if row["status"] in OPEN_STATUSES and row["id"] not in lost
        ]

    def _load(self, package: Package) -> None:
        for table in self.chance.sample(sorted(package.rows), len(package.rows)):
            _merge(self.tables.setdefault(table, {}), table, package.rows[table])
            self._step()
        self.stored_state = package.state
        self._step()
        self.pending = None
        self._step()

    def _step(self) -> None:
        if self.chance.random() < self.dies:
            raise Crash


def _extract(run: ChannelRun, session: Session, state: dict[str, Any]) -> Rows:
    rows: Rows = {}
    budget = Budget(session.settings.commit_pages)
    for piece in run.package(state=state, load_id="made up", budget=budget):
        if piece.record is None:
            rows.setdefault(CHANNEL, []).extend(piece.rows.select(KEPT).to_pylist())
        elif piece.rows.num_rows:
            rows.setdefault(piece.record.table, []).extend(piece.rows.to_pylist())
    return rows


def _merge(into: dict[Any, dict[str, Any]], table: str, rows: list[dict[str, Any]]) -> None:
    """As dlt merges: of two rows in one load the later counts, and it replaces what is there."""
    key = KEYS.get(table, ("id",))
    newest = sorted(rows, key=lambda row: row.get("synced_at") or datetime.min)  # noqa: DTZ901
    for row in newest:
        into[tuple(row[name] for name in key)] = row
