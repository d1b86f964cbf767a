"""What must hold after every run, whatever happened before. Each law knows the truth by itself."""

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
"""What tells states apart, as far as machines keep it."""


class LawBroken(AssertionError):
    """A law does not hold."""


@dataclass(slots=True)
class Witness:
    """Sees every run, and knows what there was to be seen."""

    world: World
    sent: list[Sent]
    run_starts: list[datetime] = field(default_factory=list)
    """By the clock of the API."""
    run_ends: list[datetime] = field(default_factory=list)
    first_end: datetime | None = None
    """When the first run ended, if it was complete."""
    widest: timedelta = timedelta(0)
    """The widest window that was ever set."""
    believes_dates: bool = True
    """Whether the histories are dated by a clock that was right."""
    complete_runs: list[tuple[datetime, datetime]] = field(default_factory=list)
    """When each complete run began and ended."""
    kept_since: dict[str, datetime] = field(default_factory=dict)
    """By the end of which complete run an operation was stored, with its history."""
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    first_owed: datetime | None = None
    checked: set[str] = field(default_factory=set)
    founded: set[str] = field(default_factory=set)
    """Rows of `coverage` that were looked at."""
    died: bool = False
    """Whether the last run died."""

    def look(self, machine: Machine, *, complete: bool, now: datetime) -> None:
        """Check every law; `now` is that of the run that has just ended or died."""
        coverage = machine.coverage()
        stored = {row["id"]: row for row in machine.rows(CHANNEL)}
        gaps = [(row["gap_start"], row["gap_end"]) for row in machine.rows("gaps")]
        self.widest = max(self.widest, self._width)
        self._nothing_claimed_is_missing(coverage, stored)
        self._coverage_is_founded(machine, stored)
        self._gaps_are_true(machine.rows("gaps"))
        self._nothing_is_missing_unaccounted(coverage, stored, gaps)
        self._rows_say_what_the_api_said(stored)
        self._rows_never_go_back(stored)
        if complete:
            self._nothing_is_stale(stored, now)
            self._one_state_is_current(stored, machine)
        if not self.world.habits.widths and self.believes_dates:
            self._last_chances_were_taken(stored, gaps, now)
        self.before = stored

    def restored(self, machine: Machine) -> None:
        """The warehouse is an older one now: what runs since have promised of it is void."""
        self.before = {row["id"]: row for row in machine.rows(CHANNEL)}
        self.kept_since.clear()
        self.complete_runs.clear()
        self.founded.clear()
        self.first_end = None
        if machine.coverage().tracked_from is None:
            self.first_owed = None  # The copy is from before the first load.

    @property
    def refresh_ratio(self) -> float:
        """The share of its age by which a row may be stale."""
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

    def _nothing_claimed_is_missing(
        self, coverage: ChannelCoverage, stored: dict[str, Any]
    ) -> None:
        """1, 6: what a window's coverage says was read, and could be seen then, is there."""
        claims = Claims(coverage)
        for op in self.sent:
            read = None if op.id in stored else claims.about(op.created)
            if read is None:
                continue
            number = bisect_right(self.run_starts, read.read_at + SECOND) - 1
            seen = op.visible <= read.read_at and op.created < self.run_starts[number]
            kept = op.created >= self.run_ends[number] - self.retention
            if read.complete or (seen and kept):
                raise LawBroken(f"{op} is claimed by {read} and missing")

    def _nothing_is_missing_unaccounted(
        self,
        coverage: ChannelCoverage,
        stored: dict[str, Any],
        gaps: list[tuple[datetime, datetime]],
    ) -> None:
        """2: what is missing is in a gap, or in a window that is owed still."""
        if coverage.tracked_from is None:
            return
        self.first_owed = self.first_owed or self._first_owed(coverage.tracked_from)
        first_owed, claims = self.first_owed, Claims(coverage)
        for op in self.sent:
            if op.id in stored or op.created < first_owed:
                continue
            if any(start <= op.created < end for start, end in gaps):
                continue
            read = claims.about(op.created)
            if op.created < coverage.tracked_from or (read is not None and read.complete):
                raise LawBroken(f"{op} is missing, in no gap, and nothing is due that holds it")

    def _first_owed(self, said: datetime) -> datetime:
        """Where coverage begins: at the first window that was whole when a run had read."""
        runs = zip(self.run_starts, self.run_ends, strict=True)
        last = said + self.retention + MINUTE
        if not any(start <= last and end > last - self.widest - MINUTE for start, end in runs):
            raise LawBroken(f"coverage begins at {said}, which no run could mean")
        return said

    def _coverage_is_founded(self, machine: Machine, stored: dict[str, Any]) -> None:
        """11: what the table `coverage` calls complete is there, unless a run has just died."""
        if self.died:
            return
        for row in machine.rows("coverage"):
            mark = f"{row['window_start']} {row['window_end']} {row['read_at']}"
            if not row["is_complete"] or mark in self.founded:
                continue
            self.founded.add(mark)
            first = bisect_left(self.sent, row["window_start"], key=attrgetter("created"))
            last = bisect_left(self.sent, row["window_end"], key=attrgetter("created"))
            if any(op.id not in stored for op in self.sent[first:last]):
                raise LawBroken(f"{row} is claimed and not all there")

    def _gaps_are_true(self, gaps: list[dict[str, Any]]) -> None:
        """12: what a gap says was never read could have been read, and no run has read it whole."""
        for gap in gaps:
            start, end = gap["gap_start"], gap["gap_end"]
            if self.first_end and start < self.first_end - self.retention:
                raise LawBroken(f"{gap} was forgotten before the first run had ended")
            for began, ended in self.complete_runs:
                first = start + self.widest + MINUTE <= began and ended <= start + self.retention
                last = end + MINUTE <= began and ended <= end - self.widest + self.retention
                if first or last:
                    raise LawBroken(f"{gap} was read by the run of {began}")

    def _rows_say_what_the_api_said(self, stored: dict[str, Any]) -> None:
        """1: a row is what the API showed at the moment that the row names.

        Or less than a second later: a clock is set right by a time in whole seconds.
        """
        if not self.believes_dates:
            return
        numbers = {op.id: op.number for op in self.sent}
        for key, row in stored.items():
            mark = f"{key} {row['synced_at']}"
            if mark in self.checked:
                continue
            self.checked.add(mark)
            moments = (row["synced_at"], row["synced_at"] + SECOND)
            shown = [self.world.population.show(numbers[key], to_ms(at)) for at in moments]
            if (row["status"], row["updated_at"], row["queued"]) not in map(_told, shown):
                raise LawBroken(f"{row} is not what the API showed: {shown}")

    def _rows_never_go_back(self, stored: dict[str, Any]) -> None:
        """5, 7: no row is older than it was, and none has gone."""
        if not self.believes_dates:
            return
        for key, row in self.before.items():
            now = stored.get(key)
            if now is None or now["synced_at"] < row["synced_at"]:
                raise LawBroken(f"{row} became {now}")

    def _nothing_is_stale(self, stored: dict[str, Any], now: datetime) -> None:
        """3: after a complete run no row is staler than the share of its age that was promised.

        As long as the API lists it, which may end between the run's beginning and its request.
        """
        if not self.believes_dates:
            return
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
            if row[VALID_TO] is None and current.setdefault(row["id"], row) is not row:
                raise LawBroken(f"{row} and {current[row['id']]} are both current")
        return current

    def _last_chances_were_taken(
        self, stored: dict[str, Any], gaps: list[tuple[datetime, datetime]], now: datetime
    ) -> None:
        """4: a run within the last day of all operations of a window has read them again."""
        for row in stored.values():
            window = self._window(row["created_at"])
            # As wide as the window, but half a day is left for reading it.
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
    """What a coverage says of instants of creation time."""

    def __init__(self, coverage: ChannelCoverage) -> None:
        """Put its windows in order."""
        self._spans = sorted(map(coverage.span_of, coverage.windows))
        self._reads = [coverage.windows[span.start] for span in self._spans]

    def about(self, instant: datetime) -> WindowRead | None:
        """The reading of the window that holds `instant`; None where none was read."""
        number = bisect_right(self._spans, instant, key=attrgetter("start")) - 1
        return self._reads[number] if number >= 0 and instant < self._spans[number].end else None


def _told(shown: dict[str, Any]) -> tuple[str, datetime, int]:
    updated = datetime.fromisoformat(shown["updatedAt"])
    return shown["status"], updated, shown["stats"]["queued"]
