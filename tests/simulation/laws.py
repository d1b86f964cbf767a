"""What must hold after every run, whatever happened before. Each law knows the truth by itself."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from comms_source.coverage import Ledger
from comms_source.history import SEEN_UNTIL
from comms_source.sandbox.instants import to_ms
from comms_source.windows import EPOCH, align_down
from tests.simulation.machines import HISTORY, Machine
from tests.simulation.world import CHANNEL, Sent, World

DAY = timedelta(days=1)
STATE = ("status", "queued", "sent", "delivered")
"""What tells states apart, as far as machines keep it."""


class LawBroken(AssertionError):
    """A law does not hold."""


@dataclass(slots=True)
class Witness:
    """Sees every run, and knows what there was to be seen."""

    world: World
    sent: list[Sent]
    run_starts: list[datetime] = field(default_factory=list)
    complete_runs: list[tuple[datetime, datetime]] = field(default_factory=list)
    """When each complete run began and ended."""
    kept_since: dict[str, datetime] = field(default_factory=dict)
    """By the end of which complete run an operation was stored, with its history."""
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    first_owed: datetime | None = None
    checked: set[str] = field(default_factory=set)

    def look(self, machine: Machine, *, complete: bool, now: datetime) -> None:
        """Check every law; `now` is that of the run that has just ended or died."""
        ledger = machine.ledger()
        stored = {row["id"]: row for row in machine.rows(CHANNEL)}
        gaps = [(row["gap_start"], row["gap_end"]) for row in machine.rows("gaps")]
        self._nothing_claimed_is_missing(ledger, stored)
        self._nothing_is_missing_unaccounted(ledger, stored, gaps)
        self._rows_say_what_the_api_said(stored)
        self._rows_never_go_back(stored)
        if complete:
            self._nothing_is_stale(stored, now)
            self._one_state_is_current(stored, machine)
        self._last_chances_were_taken(stored, gaps, now)
        self.before = stored

    @property
    def refresh_ratio(self) -> float:
        """The share of its age by which a row may be stale."""
        ratio: float = self.world.habits.settings["refresh_ratio"]  # type: ignore[assignment]
        return ratio

    @property
    def retention(self) -> timedelta:
        """How long the API lists an operation."""
        return self.world.model.settings.retention

    def _window(self, instant: datetime) -> datetime:
        width: timedelta = self.world.habits.settings["window"]  # type: ignore[assignment]
        return align_down(instant, width)

    def _nothing_claimed_is_missing(self, ledger: Ledger, stored: dict[str, Any]) -> None:
        """1, 6: what a window's coverage says was read, and could be seen then, is there."""
        for op in self.sent:
            read = ledger.windows.get(self._window(op.created))
            if read is None or op.id in stored:
                continue
            upto = self.run_starts[bisect_right(self.run_starts, read.read_at + DAY / 86400) - 1]
            seen = op.visible <= read.read_at and op.created < upto
            kept = op.created >= read.read_at - self.retention + timedelta(hours=3)
            if read.complete or (seen and kept):
                raise LawBroken(f"{op} is claimed by {read} and missing")

    def _nothing_is_missing_unaccounted(
        self, ledger: Ledger, stored: dict[str, Any], gaps: list[tuple[datetime, datetime]]
    ) -> None:
        """2: what is missing is in a gap, or in a window that is owed still."""
        if ledger.owed_from is None:
            return
        self.first_owed = self.first_owed or self._first_owed(ledger.owed_from)
        first_owed = self.first_owed
        for op in self.sent:
            if op.id in stored or op.created < first_owed:
                continue
            if any(start <= op.created < end for start, end in gaps):
                continue
            window = self._window(op.created)
            read = ledger.windows.get(window)
            if window < ledger.owed_from or (read is not None and read.complete):
                raise LawBroken(f"{op} is missing, in no gap, and nothing is due that holds it")

    def _first_owed(self, said: datetime) -> datetime:
        """Where coverage begins: at the first window that a run could still read whole."""
        width: timedelta = self.world.habits.settings["window"]  # type: ignore[assignment]
        possible = [-(-(run - self.retention - EPOCH) // width) for run in self.run_starts]
        if said not in {EPOCH + number * width for number in possible}:
            raise LawBroken(f"coverage begins at {said}, which no run could mean")
        return said

    def _rows_say_what_the_api_said(self, stored: dict[str, Any]) -> None:
        """1: a row is what the API showed at the moment that the row names."""
        numbers = {op.id: op.number for op in self.sent}
        for key, row in stored.items():
            mark = f"{key} {row['synced_at']}"
            if mark in self.checked:
                continue
            self.checked.add(mark)
            shown = self.world.population.show(numbers[key], to_ms(row["synced_at"]))
            told = (
                shown["status"],
                datetime.fromisoformat(shown["updatedAt"]),
                shown["stats"]["queued"],
            )
            if told != (row["status"], row["updated_at"], row["queued"]):
                raise LawBroken(f"{row} is not what the API showed: {shown}")

    def _rows_never_go_back(self, stored: dict[str, Any]) -> None:
        """5, 7: no row is older than it was, and none has gone."""
        for key, row in self.before.items():
            now = stored.get(key)
            if now is None or now["synced_at"] < row["synced_at"]:
                raise LawBroken(f"{row} became {now}")

    def _nothing_is_stale(self, stored: dict[str, Any], now: datetime) -> None:
        """3: after a complete run no row is staler than the share of its age that was promised.

        As long as the API lists it, which may end between the run's beginning and its request.
        """
        ratio, ended = self.refresh_ratio, self.complete_runs[-1][1]
        for row in stored.values():
            created = row["created_at"]
            listed = ended - created < self.retention
            if listed and now - row["synced_at"] > ratio * (now - created):
                raise LawBroken(f"{row} is staler than {ratio} of its age at {now}")

    def _one_state_is_current(self, stored: dict[str, Any], machine: Machine) -> None:
        """8: each operation has one current state, and that is what its row shows.

        Rows and histories are loaded one after the other, and a package may be lost in between. So
        operations that it held are let off, unless they have been read again since.
        """
        current = self._current_states(machine)
        for key in stored.keys() | current.keys():
            row, state = stored.get(key), current.get(key)
            if row and state and all(row[name] == state[name] for name in STATE):
                self.kept_since.setdefault(key, self.complete_runs[-1][1])
            elif key not in machine.torn or (row and row["synced_at"] > machine.torn[key]):
                raise LawBroken(f"{row} is {state} in the history")

    def _current_states(self, machine: Machine) -> dict[str, dict[str, Any]]:
        current: dict[str, dict[str, Any]] = {}
        for row in machine.rows(HISTORY):
            if row[SEEN_UNTIL] is None and current.setdefault(row["id"], row) is not row:
                raise LawBroken(f"{row} and {current[row['id']]} are both current")
        return current

    def _last_chances_were_taken(
        self, stored: dict[str, Any], gaps: list[tuple[datetime, datetime]], now: datetime
    ) -> None:
        """4: a run within the last day before a window is forgotten has read it."""
        for row in stored.values():
            window = self._window(row["created_at"])
            opens, closes = window + self.retention - DAY, window + self.retention
            if closes > now or closes < now - 3 * DAY:
                continue
            if any(start <= row["created_at"] < end for start, end in gaps):
                continue
            taken = [b for b, e in self.complete_runs if opens <= b and e <= closes]
            if taken and row["synced_at"] < opens:
                raise LawBroken(f"{row} was not read in its last day, though {taken[-1]} ran")
