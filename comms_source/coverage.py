"""The ledger of one channel: which windows were read, when, and how many rows they held.

Pure: no clock, no I/O, no dlt. A ledger holds the windows that the API still answers for; those
that have left its retention fold away, and what of them was never read completely is a gap.

    owed_from ──────► now        creation time that must be read before the API forgets it
    complete                     read after the window had closed, while the API kept all of it
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from comms_source.windows import SECOND, Span, align_down, align_up, clip, windows

VISIBILITY_LAG: Final = timedelta(minutes=1)
"""How long after its creation an operation may take to show up in a list."""

FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """How the API keeps operations, and how we cut creation time."""

    retention: timedelta
    """How long after its creation an operation is listed."""
    window: timedelta


@dataclass(frozen=True, slots=True)
class WindowRead:
    """The latest complete reading of one window."""

    read_at: datetime
    """When the reading began, in UTC."""
    rows: int
    complete: bool
    """Whether any reading began after the window had closed and ended before the API began to
    forget it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One walk that came to its end: what it covered, and when."""

    span: Span
    began: datetime
    ended: datetime
    rows: Mapping[datetime, int] = field(default_factory=dict)
    """How many operations it brought, by the start of their window."""


@dataclass(frozen=True, slots=True)
class Part:
    """A finished piece of a window whose other pieces are still to be read."""

    span: Span
    began: datetime
    ended: datetime
    rows: int


@dataclass(slots=True)
class Ledger:
    """What is known of one channel. `to_state` and `from_state` carry it through dlt's state."""

    owed_from: datetime | None = None
    """Creation time before it is accounted for; None before the first run."""
    complete_at: datetime | None = None
    """When the last run began that left nothing due."""
    windows: dict[datetime, WindowRead] = field(default_factory=dict)
    """By the start of the window."""
    parts: dict[datetime, list[Part]] = field(default_factory=dict)
    width: timedelta | None = None
    """The width of the windows; None before the first run."""

    def note(self, reading: Reading, *, within: Span, kept: Retained) -> list[datetime]:
        """Enter a finished walk.

        Args:
            reading: The walk.
            within: What of creation time the run reads: of a window at its edge, no more is needed.
            kept: What the API keeps.

        Returns:
            The starts of the windows that are read with it.
        """
        touched = windows(reading.span, kept.window)
        return [w.start for w in touched if self._enter(w, reading, within=within, kept=kept)]

    def _enter(self, window: Span, reading: Reading, *, within: Span, kept: Retained) -> bool:
        piece, needed = clip(reading.span, to=window), clip(window, to=within)
        if piece is None or needed is None or window.end + kept.retention <= reading.ended:
            return False  # What the API has forgotten may be withheld, so nothing is claimed.
        rows = reading.rows.get(window.start, 0)
        parts = self.parts.setdefault(window.start, [])
        parts.append(Part(piece, reading.began, reading.ended, rows))
        if uncovered(needed, [part.span for part in parts]):
            return False
        del self.parts[window.start]
        self.windows[window.start] = self._read(
            window, parts, kept, whole=needed.start == window.start
        )
        return True

    def _read(
        self, window: Span, parts: Sequence[Part], kept: Retained, *, whole: bool
    ) -> WindowRead:
        began = min(part.began for part in parts)
        ended = max(part.ended for part in parts)
        closed = began >= window.end + VISIBILITY_LAG
        all_kept = ended <= window.start + kept.retention
        before = self.windows.get(window.start)
        return WindowRead(
            read_at=began,
            rows=sum(part.rows for part in parts),
            complete=(closed and all_kept and whole) or (before is not None and before.complete),
        )

    def drop_stale_parts(self, *, now: datetime, ratio: float) -> None:
        """Forget finished pieces that would be due again.

        They were read before their window closed, or longer ago than `ratio` of the time since.
        """
        fresh = {
            start: [part for part in parts if not self._is_stale(start, part, now, ratio)]
            for start, parts in self.parts.items()
        }
        self.parts = {start: parts for start, parts in fresh.items() if parts}

    def _is_stale(self, start: datetime, part: Part, now: datetime, ratio: float) -> bool:
        end = start + (self.width or part.span.width)
        return part.began < end + VISIBILITY_LAG or now - part.began >= ratio * (now - end)

    def fold(self, *, now: datetime, kept: Retained, since: datetime | None = None) -> list[Span]:
        """Forget the windows that the API has forgotten, and return the gaps that they leave.

        A gap is told once: the time up to it is accounted for from then on. On the first run
        nothing is owed yet, and nothing before `since`, if that is given.
        """
        self._recut(kept.window)
        horizon = align_up(now - kept.retention, kept.window)
        if self.owed_from is None:
            self.owed_from = max(horizon, align_up(since or horizon, kept.window))
        owed_from = self.owed_from
        gone = windows(Span(owed_from, horizon), kept.window) if owed_from < horizon else ()
        missed = [
            Span(max(window.start, owed_from), window.end)
            for window in gone
            if not self._is_complete(window)
        ]
        self.owed_from = max(owed_from, horizon)
        oldest = align_down(now - kept.retention, kept.window)
        self.windows = {start: read for start, read in self.windows.items() if start >= oldest}
        self.parts = {start: parts for start, parts in self.parts.items() if start >= oldest}
        return joined(missed)

    def _is_complete(self, window: Span) -> bool:
        read = self.windows.get(window.start)
        return read is not None and read.complete

    def deadline(self, *, now: datetime, kept: Retained) -> datetime | None:
        """By when the next run must have read, or creation time is lost; None before any run."""
        if self.owed_from is None:
            return None
        owed = windows(Span(self.owed_from, max(now, self.owed_from) + kept.window), kept.window)
        start = next((w.start for w in owed if not self._is_complete(w)), self.owed_from)
        return max(start, self.owed_from) + kept.retention

    @property
    def as_of(self) -> tuple[datetime, datetime, datetime]:
        """Never falls from run to run: what is accounted for, last was read, last was complete."""
        never = datetime.min.replace(tzinfo=UTC)
        last = max((read.read_at for read in self.windows.values()), default=never)
        return self.owed_from or never, last, self.complete_at or never

    def _recut(self, width: timedelta) -> None:
        """Carry the ledger over to windows of another width; what does not fit becomes due."""
        before, self.width = self.width, width
        if before is None or before == width:
            return
        old = [(Span(start, start + before), read) for start, read in self.windows.items()]
        self.windows, self.parts = {}, {}
        if old:
            reach = Span(min(s.start for s, _ in old), max(s.end for s, _ in old))
            for window in windows(reach, width):
                inside = [(s, read) for s, read in old if clip(s, to=window)]
                if not self._owed_part(window, [s for s, _ in inside]):
                    self.windows[window.start] = _merged(window, inside)

    def _owed_part(self, window: Span, covers: Sequence[Span]) -> list[Span]:
        """What of `window` is neither covered nor accounted for."""
        left = uncovered(window, covers)
        return [span for span in left if self.owed_from is None or span.end > self.owed_from]

    def to_state(self) -> dict[str, Any]:
        """The ledger as JSON can hold it: whole seconds since 1970, rounded down."""
        return {
            "format": FORMAT,
            "owed_from": _seconds(self.owed_from),
            "complete_at": _seconds(self.complete_at),
            "width": None if self.width is None else int(self.width.total_seconds()),
            "windows": [
                [_seconds(start), _seconds(read.read_at), read.rows, int(read.complete)]
                for start, read in sorted(self.windows.items())
            ],
            "parts": [
                _part_state(part) for start in sorted(self.parts) for part in self.parts[start]
            ],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any] | None) -> Ledger:
        """The ledger that `to_state` wrote; an empty one from None."""
        if not state:
            return cls()
        width = None if state["width"] is None else timedelta(seconds=state["width"])
        ledger = cls(
            owed_from=_instant(state["owed_from"]),
            complete_at=_instant(state["complete_at"]),
            width=width,
        )
        for start, read_at, rows, complete in state["windows"]:
            ledger.windows[_at(start)] = WindowRead(_at(read_at), rows, bool(complete))
        for start, end, began, ended, rows in state["parts"]:
            part = Part(Span(_at(start), _at(end)), _at(began), _at(ended), rows)
            home = align_down(part.span.start, width) if width else part.span.start
            ledger.parts.setdefault(home, []).append(part)
        return ledger


def latest(ledgers: Iterable[Ledger]) -> Ledger:
    """Of ledgers that went on from one another, the last; of equals the first; else an empty one.

    An account's channel has several where it was loaded in a lane as well as without.
    """
    return max(ledgers, key=lambda ledger: ledger.as_of, default=Ledger())


def uncovered(span: Span, covers: Iterable[Span]) -> list[Span]:
    """What of `span` none of `covers` holds, in order."""
    left, at = [], span.start
    for cover in sorted(covers):
        if cover.start >= span.end:
            break
        if cover.start > at:
            left.append(Span(at, cover.start))
        at = max(at, cover.end)
    if at < span.end:
        left.append(Span(at, span.end))
    return left


def joined(spans: Sequence[Span]) -> list[Span]:
    """Ordered spans, those that adjoin made one."""
    breaks = [k for k, (a, b) in enumerate(pairwise(spans), 1) if a.end < b.start]
    bounds = [0, *breaks, len(spans)]
    return [Span(spans[a].start, spans[b - 1].end) for a, b in pairwise(bounds) if a < b]


def _merged(window: Span, inside: Sequence[tuple[Span, WindowRead]]) -> WindowRead:
    reads = [read for _, read in inside]
    oldest = min(read.read_at for read in reads)
    rows = sum(read.rows * (_common(span, window) / span.width) for span, read in inside)
    complete = all(read.complete for read in reads)
    return WindowRead(read_at=oldest, rows=round(rows), complete=complete)


def _common(span: Span, window: Span) -> timedelta:
    both = clip(span, to=window)
    return both.width if both else timedelta(0)


def _part_state(part: Part) -> list[int | None]:
    span = part.span
    # What claims less: a reading that began earlier, and ended later.
    times = [span.start, span.end, part.began, align_up(part.ended, SECOND)]
    return [*map(_seconds, times), part.rows]


def _seconds(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp() // 1)


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else _at(seconds)
