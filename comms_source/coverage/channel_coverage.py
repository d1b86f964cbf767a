"""The coverage of one channel: which windows were read, when, and how many rows they had.

Pure: no clock, no I/O, no dlt. The coverage holds the windows that are within the API's retention.
Windows that expire are removed; if one was never complete, it is a gap.

    tracked_from ──────► now     creation time that must be read before the API forgets it
    complete                     read after the window had closed, and before any of it expired
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import gcd
from typing import Final

from comms_source.coverage.policy import Retained
from comms_source.coverage.spans import joined, rows_in, uncovered
from comms_source.timespans import SECOND, TICK, Span, align_down, align_up, clip, windows

VISIBILITY_LAG: Final = timedelta(minutes=1)
"""How long after its creation an operation may be missing from lists."""

LAST_CHANCE: Final = timedelta(days=1)
"""How long before the API forgets an operation its figures count as final."""

MAX_CLOCK_SKEW: Final = timedelta(seconds=60)
"""By how much this machine's clock may differ from the API's."""


def last_chance(window: Span, retention: timedelta) -> datetime:
    """When a window is due for its final read, before the API forgets it.

    All its operations are then in their last day. In a long window that would be too late for the
    first operations, so at least half a day is left.
    """
    return min(window.end, window.start + LAST_CHANCE / 2) + retention - LAST_CHANCE


@dataclass(frozen=True, slots=True)
class WindowRead:
    """The latest complete read of one window."""

    read_at: datetime
    """When the read began, in UTC."""
    rows: int
    complete: bool
    """Whether any read began after the window had closed, and ended before the API began to forget
    it."""
    width: timedelta | None = None
    """The width of the window, if it is not the coverage's: it was read before the setting changed,
    or it is next to such a window."""


@dataclass(frozen=True, slots=True)
class ScanResult:
    """A finished scan: what it covered, and when."""

    span: Span
    began: datetime
    ended: datetime
    rows: Mapping[datetime, int] = field(default_factory=dict)
    """How many operations it read, by the start of the coverage's `unit` that holds them."""


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part of a window whose other parts are not read yet."""

    span: Span
    began: datetime
    ended: datetime
    rows: int


@dataclass(slots=True)
class ChannelCoverage:
    """The coverage of one channel."""

    tracked_from: datetime | None = None
    """Creation time before this is complete, a gap, or not tracked; None before the first run."""
    complete_at: datetime | None = None
    """The beginning of the last run that left nothing due."""
    windows: dict[datetime, WindowRead] = field(default_factory=dict)
    """By the start of the window."""
    parts: dict[datetime, list[Part]] = field(default_factory=dict)
    width: timedelta | None = None
    """The width of the windows; None before the first run."""

    def cut(self, span: Span, width: timedelta) -> list[Span]:
        """The windows that cover `span`: whole windows only, in order.

        They are on the grid of `width`. But a window that was read with another width keeps its
        bounds until the API forgets it, and the grid fills the time around it.
        """
        grid = list(windows(span, width))
        reach = Span(grid[0].start, grid[-1].end)
        others = [window for window in self._off_grid(width) if clip(window, to=reach)]
        if not others:
            return grid
        filling = [piece for window in grid for piece in uncovered(window, others)]
        return sorted(window for window in (*others, *filling) if clip(window, to=span))

    def span_of(self, start: datetime) -> Span:
        """The read window that begins at `start`."""
        width = self.windows[start].width or self.width
        return Span(start, start + (width or SECOND))

    def unit(self, width: timedelta) -> timedelta:
        """A duration of which every bound that `cut` returns is a multiple, since 1970."""
        bounds = [bound for span in self._off_grid(width) for bound in (span.start, span.end)]
        seconds = gcd(width // SECOND, *(int(bound.timestamp()) for bound in bounds))
        return timedelta(seconds=seconds)

    def _off_grid(self, width: timedelta) -> list[Span]:
        """The read windows that are not on the grid of `width`."""
        same = self.width == width
        starts = [start for start, read in self.windows.items() if read.width or not same]
        return [span for span in map(self.span_of, starts) if _own_width(span, width)]

    def note(self, result: ScanResult, *, within: Span, kept: Retained) -> list[datetime]:
        """Add a finished scan.

        Args:
            result: The scan.
            within: The creation time that the run reads; windows at its bounds need no more.
            kept: What the API keeps.

        Returns:
            The starts of the windows that are now read completely.
        """
        self.set_width(kept.window)
        touched = self.cut(result.span, kept.window)
        rows = rows_in(touched, result.rows)
        return [
            window.start
            for window, count in zip(touched, rows, strict=True)
            if self._enter(window, result, rows=count, within=within, kept=kept)
        ]

    def _enter(
        self, window: Span, result: ScanResult, *, rows: int, within: Span, kept: Retained
    ) -> bool:
        piece, needed = clip(result.span, to=window), clip(window, to=within)
        if piece is None or needed is None or window.end + kept.retention <= result.ended:
            return False  # The API may already omit some of it, so it does not count as read.
        parts = self.parts.setdefault(window.start, [])
        parts.append(Part(piece, result.began, result.ended, rows))
        if uncovered(needed, [part.span for part in parts]):
            return False
        del self.parts[window.start]
        self.windows[window.start] = self._read(window, parts, kept, needed=needed)
        return True

    def _read(
        self, window: Span, parts: Sequence[Part], kept: Retained, *, needed: Span
    ) -> WindowRead:
        began = min(part.began for part in parts)
        ended = max(part.ended for part in parts)
        if needed.end < window.end:
            # A long run may read its last window after that has closed, but it reads only what
            # existed when the run began.
            began = min(began, needed.end)
        closed = began >= window.end + VISIBILITY_LAG
        all_kept = ended <= window.start + kept.retention
        before = self.windows.get(window.start)
        was_complete = before is not None and before.complete
        return WindowRead(
            read_at=began,
            rows=sum(part.rows for part in parts),
            complete=was_complete or (closed and all_kept and needed == window),
            width=_own_width(window, kept.window),
        )

    def drop_stale_parts(self, *, now: datetime, ratio: float) -> None:
        """Drop finished parts that would be due again.

        They were read before their window closed, or with a clock that was ahead, or longer ago
        than `ratio` of the age of the window.
        """
        fresh = {
            start: [part for part in parts if not self._is_stale(start, part, now, ratio)]
            for start, parts in self.parts.items()
        }
        self.parts = {start: parts for start, parts in fresh.items() if parts}

    def _is_stale(self, start: datetime, part: Part, now: datetime, ratio: float) -> bool:
        end = self.window_around(start, self.width).end if self.width else part.span.end
        if not end + VISIBILITY_LAG <= part.began <= now + MAX_CLOCK_SKEW:
            return True
        return now - part.began >= ratio * (now - end)

    def set_width(self, width: timedelta) -> None:
        """Set the width of new windows; windows that were read keep theirs.

        Parts of windows that were not read completely do not fit the new grid, and are read again.
        """
        if self.width == width:
            return
        if self.width is None:
            self.width = width
            return
        spans = [self.span_of(start) for start in self.windows]
        reads = [replace(self.windows[s.start], width=_own_width(s, width)) for s in spans]
        self.windows = {span.start: read for span, read in zip(spans, reads, strict=True)}
        self.parts, self.width = {}, width

    def forget(self, starts: Iterable[datetime]) -> None:
        """Drop the windows that begin at `starts`, so that they are due again."""
        for start in starts:
            self.windows.pop(start, None)

    def forget_later_than(self, now: datetime, *, kept: Retained) -> None:
        """Drop what a run with a clock that was ahead recorded after `now`, the API's time.

        What it recorded as read is due again, and `tracked_from` is not in the future any more.
        """
        bound = now + MAX_CLOCK_SKEW
        self.windows = {s: read for s, read in self.windows.items() if read.read_at <= bound}
        if self.complete_at is not None and self.complete_at > bound:
            self.complete_at = None
        if self.tracked_from is not None and self.tracked_from > bound:
            self.tracked_from = self._horizon(now - kept.retention, kept.window)

    def expire(self, *, now: datetime, kept: Retained, since: datetime | None = None) -> list[Span]:
        """Drop the windows that the API has forgotten by `now`; return the gaps among them.

        Each gap is returned once, since `tracked_from` moves past it. Time before the first run is
        never a gap: for the first run, `now` should be when its read ended. If `since` is given,
        nothing before that is tracked.
        """
        self.set_width(kept.window)
        oldest = now - kept.retention
        horizon = self._horizon(oldest, kept.window)
        if self.tracked_from is None:
            self.tracked_from = max(horizon, align_up(since or horizon, kept.window))
        tracked_from = self.tracked_from
        gone = self.cut(Span(tracked_from, horizon), kept.window) if tracked_from < horizon else ()
        missed = [
            Span(max(window.start, tracked_from), window.end)
            for window in gone
            if not self.is_complete(window)
        ]
        self.tracked_from = max(tracked_from, horizon)
        self.windows = {s: read for s, read in self.windows.items() if self.span_of(s).end > oldest}
        last = align_down(oldest, kept.window)
        self.parts = {start: parts for start, parts in self.parts.items() if start >= last}
        return joined(missed)

    def _horizon(self, oldest: datetime, width: timedelta) -> datetime:
        """The first window bound at or after `oldest`."""
        window = self.window_around(oldest, width)
        return oldest if window.start == oldest else window.end

    def window_around(self, instant: datetime, width: timedelta) -> Span:
        """The window that contains `instant`, read or not."""
        return self.cut(Span(instant, instant + TICK), width)[0]

    def is_complete(self, window: Span) -> bool:
        """Whether a complete window begins at the start of `window`."""
        read = self.windows.get(window.start)
        return read is not None and read.complete

    def deadline(self, *, now: datetime, kept: Retained) -> datetime | None:
        """When creation time is lost unless a run has read it before; None before the first run."""
        if self.tracked_from is None:
            return None
        upto = max(now, self.tracked_from) + kept.window
        tracked = self.cut(Span(self.tracked_from, upto), kept.window)
        start = next((w.start for w in tracked if not self.is_complete(w)), self.tracked_from)
        return max(start, self.tracked_from) + kept.retention

    def freezes_at(self, *, now: datetime, kept: Retained) -> datetime | None:
        """When figures that may still change freeze, unless a run has read them before.

        None if each window with rows was read in its last day already.
        """
        windows = [(self.span_of(start), read) for start, read in self.windows.items() if read.rows]
        return min(
            (
                window.start + kept.retention
                for window, read in windows
                if window.end > now - kept.retention
                and read.read_at < last_chance(window, kept.retention)
            ),
            default=None,
        )

    @property
    def last_read(self) -> datetime | None:
        """The beginning of the last known read; None before the first."""
        reads = [read.read_at for read in self.windows.values()]
        return max([*reads, *filter(None, [self.complete_at])], default=None)


def _own_width(window: Span, width: timedelta) -> timedelta | None:
    """The width to store with a window: None if it is on the grid of `width`."""
    on_grid = window.width == width and align_down(window.start, width) == window.start
    return None if on_grid else window.width
