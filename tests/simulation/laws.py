"""Invariants that must hold after every run. Each is checked against the true operations."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from comms_source.coverage.channel_coverage import ChannelCoverage, WindowRead
from comms_source.sandbox.instants import to_ms
from comms_source.tables.history import VALID_TO
from comms_source.timespans import SECOND, align_down
from tests.simulation.machines import HISTORY, Machine
from tests.simulation.world import CHANNEL, Sent, World

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
STATE = ("status", "queued", "sent", "delivered")
"""The columns that machines keep, and that make a new state."""


class LawBroken(AssertionError):
    """A law does not hold."""


@dataclass(slots=True)
class Witness:
    """Observes every run, and knows the true operations."""

    world: World
    sent: list[Sent]
    run_starts: list[datetime] = field(default_factory=list)
    """By the API's clock."""
    run_ends: list[datetime] = field(default_factory=list)
    first_end: datetime | None = None
    """When the first run ended, if it was complete."""
    widest: timedelta = timedelta(0)
    """The maximum of the setting `window` so far."""
    has_correct_dates: bool = True
    """Whether the dates of histories are correct: no run had a wrong clock."""
    complete_runs: list[tuple[datetime, datetime]] = field(default_factory=list)
    """When each complete run began and ended."""
    kept_since: dict[str, datetime] = field(default_factory=dict)
    """The end of the complete run that first stored an operation with its history."""
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    first_tracked: datetime | None = None
    checked_rows: set[str] = field(default_factory=set)
    checked_windows: set[str] = field(default_factory=set)
    """Rows of the table `coverage` that were checked."""
    died: bool = False
    """Whether the last run died."""

    def check(self, machine: Machine, *, complete: bool, now: datetime) -> None:
        """Check every law; `now` is that of the run that has just ended or died."""
        coverage = machine.coverage()
        stored = {row["id"]: row for row in machine.rows(CHANNEL)}
        gaps = [(row["gap_start"], row["gap_end"]) for row in machine.rows("gaps")]
        self.widest = max(self.widest, self._width)
        self._nothing_covered_is_missing(coverage, stored)
        self._complete_windows_are_stored(machine, stored)
        self._gaps_are_true(machine.rows("gaps"))
        self._missing_operations_are_accounted_for(coverage, stored, gaps)
        self._rows_equal_what_the_api_showed(stored)
        self._rows_never_go_back(stored)
        if complete:
            self._nothing_is_stale(stored, now)
            self._one_state_is_current(stored, machine)
        if not self.world.habits.widths and self.has_correct_dates:
            self._windows_were_read_on_their_last_day(stored, gaps, now)
        self.before = stored

    def restored(self, machine: Machine) -> None:
        """Note that the warehouse was restored: promises of runs since the backup do not hold."""
        self.before = {row["id"]: row for row in machine.rows(CHANNEL)}
        self.kept_since.clear()
        self.complete_runs.clear()
        self.checked_windows.clear()
        self.first_end = None
        if machine.coverage().tracked_from is None:
            self.first_tracked = None  # The copy is from before the first load.

    @property
    def refresh_ratio(self) -> float:
        """How stale a row may be, as a share of its age."""
        ratio: float = self.world.habits.settings["refresh_ratio"]  # type: ignore[assignment]
        return ratio

    @property
    def retention(self) -> timedelta:
        """How long the API lists an operation."""
        return self.world.model.settings.retention

    @property
    def _width(self) -> timedelta:
        width: timedelta = self.world.habits.settings["window"]  # type: ignore[assignment]
        return width

    def _window(self, instant: datetime) -> datetime:
        return align_down(instant, self._width)

    def _nothing_covered_is_missing(
        self, coverage: ChannelCoverage, stored: dict[str, Any]
    ) -> None:
        """1, 6: an operation that was listed when its window was read is stored."""
        claims = Claims(coverage)
        for op in self.sent:
            read = None if op.id in stored else claims.about(op.created)
            if read is None:
                continue
            number = bisect_right(self.run_starts, read.read_at + SECOND) - 1
            seen = op.visible <= read.read_at and op.created < self.run_starts[number]
            kept = op.created >= self.run_ends[number] - self.retention
            if read.complete or (seen and kept):
                raise LawBroken(f"{op} is covered by {read}, but missing")

    def _missing_operations_are_accounted_for(
        self,
        coverage: ChannelCoverage,
        stored: dict[str, Any],
        gaps: list[tuple[datetime, datetime]],
    ) -> None:
        """2: a missing operation is in a gap, or in a window that is not complete yet."""
        if coverage.tracked_from is None:
            return
        self.first_tracked = self.first_tracked or self._first_tracked(coverage.tracked_from)
        first_tracked, claims = self.first_tracked, Claims(coverage)
        for op in self.sent:
            if op.id in stored or op.created < first_tracked:
                continue
            if any(start <= op.created < end for start, end in gaps):
                continue
            read = claims.about(op.created)
            if op.created < coverage.tracked_from or (read is not None and read.complete):
                raise LawBroken(f"{op} is missing, in no gap, and not due")

    def _first_tracked(self, tracked_from: datetime) -> datetime:
        """Check where coverage begins: at the first window that was complete when a run ended."""
        runs = zip(self.run_starts, self.run_ends, strict=True)
        last = tracked_from + self.retention + MINUTE
        if not any(start <= last and end > last - self.widest - MINUTE for start, end in runs):
            raise LawBroken(f"coverage begins at {tracked_from}, which matches no run")
        return tracked_from

    def _complete_windows_are_stored(self, machine: Machine, stored: dict[str, Any]) -> None:
        """11: all operations in the complete windows of the table `coverage` are stored.

        Unless a run has just died.
        """
        if self.died:
            return
        for row in machine.rows("coverage"):
            mark = f"{row['window_start']} {row['window_end']} {row['read_at']}"
            if not row["is_complete"] or mark in self.checked_windows:
                continue
            self.checked_windows.add(mark)
            first = bisect_left(self.sent, row["window_start"], key=attrgetter("created"))
            last = bisect_left(self.sent, row["window_end"], key=attrgetter("created"))
            if any(op.id not in stored for op in self.sent[first:last]):
                raise LawBroken(f"{row} is complete, but operations are missing")

    def _gaps_are_true(self, gaps: list[dict[str, Any]]) -> None:
        """12: a gap is within the time that runs could read, and no run has read it completely."""
        for gap in gaps:
            start, end = gap["gap_start"], gap["gap_end"]
            if self.first_end and start < self.first_end - self.retention:
                raise LawBroken(f"{gap} expired before the first run had ended")
            for began, ended in self.complete_runs:
                first = start + self.widest + MINUTE <= began and ended <= start + self.retention
                last = end + MINUTE <= began and ended <= end - self.widest + self.retention
                if first or last:
                    raise LawBroken(f"{gap} was read by the run of {began}")

    def _rows_equal_what_the_api_showed(self, stored: dict[str, Any]) -> None:
        """1: a row is what the API showed at the row's `synced_at`.

        Or less than a second later: clocks are corrected by a time in whole seconds.
        """
        if not self.has_correct_dates:
            return
        numbers = {op.id: op.number for op in self.sent}
        for key, row in stored.items():
            mark = f"{key} {row['synced_at']}"
            if mark in self.checked_rows:
                continue
            self.checked_rows.add(mark)
            moments = (row["synced_at"], row["synced_at"] + SECOND)
            shown = [self.world.population.show(numbers[key], to_ms(at)) for at in moments]
            if (row["status"], row["updated_at"], row["queued"]) not in map(_as_row, shown):
                raise LawBroken(f"{row} is not what the API showed: {shown}")

    def _rows_never_go_back(self, stored: dict[str, Any]) -> None:
        """5, 7: no row is older than before, and none is gone."""
        if not self.has_correct_dates:
            return
        for key, row in self.before.items():
            now = stored.get(key)
            if now is None or now["synced_at"] < row["synced_at"]:
                raise LawBroken(f"{row} became {now}")

    def _nothing_is_stale(self, stored: dict[str, Any], now: datetime) -> None:
        """3: after a complete run no row is staler than `refresh_ratio` of its age.

        While the API lists it, which may end between the beginning of the run and its request.
        """
        if not self.has_correct_dates:
            return
        ratio, ended = self.refresh_ratio, self.complete_runs[-1][1]
        for row in stored.values():
            created = row["created_at"]
            listed = ended - created < self.retention
            if listed and now - row["synced_at"] > ratio * (now - created):
                raise LawBroken(f"{row} is staler than {ratio} of its age at {now}")

    def _one_state_is_current(self, stored: dict[str, Any], machine: Machine) -> None:
        """8: each operation has one current state, and it equals its row.

        Rows and histories are loaded one after the other, and a package may be lost in between. So
        the operations of such a package are excepted until they are read again.
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
            if row[VALID_TO] is None and current.setdefault(row["id"], row) is not row:
                raise LawBroken(f"{row} and {current[row['id']]} are both current")
        return current

    def _windows_were_read_on_their_last_day(
        self, stored: dict[str, Any], gaps: list[tuple[datetime, datetime]], now: datetime
    ) -> None:
        """4: a run in the last day of all operations of a window has read them again."""
        for row in stored.values():
            window = self._window(row["created_at"])
            # The whole window, but at least half a day is left for reading it.
            wide = min(self._width, DAY / 2)
            opens, closes = window + wide + self.retention - DAY, window + self.retention
            if closes > now or closes < now - 3 * DAY:
                continue
            if any(start <= row["created_at"] < end for start, end in gaps):
                continue
            taken = [b for b, e in self.complete_runs if opens <= b and e <= closes]
            if taken and row["synced_at"] < opens:
                raise LawBroken(f"{row} was not read in its last day, though {taken[-1]} ran")


class Claims:
    """What a coverage says about instants of creation time."""

    def __init__(self, coverage: ChannelCoverage) -> None:
        """Sort its windows."""
        self._spans = sorted(map(coverage.span_of, coverage.windows))
        self._reads = [coverage.windows[span.start] for span in self._spans]

    def about(self, instant: datetime) -> WindowRead | None:
        """The read of the window that contains `instant`; None if it was not read."""
        number = bisect_right(self._spans, instant, key=attrgetter("start")) - 1
        return self._reads[number] if number >= 0 and instant < self._spans[number].end else None


def _as_row(shown: dict[str, Any]) -> tuple[str, datetime, int]:
    updated = datetime.fromisoformat(shown["updatedAt"])
    return shown["status"], updated, shown["stats"]["queued"]
