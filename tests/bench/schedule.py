"""How long a first load takes where the API is slow: its requests, in units of one response.

`python -m tests.bench.schedule` prints a table. There is no HTTP and no thread: in each unit the
scans that have waited longest send a request each, as many as `concurrency` allows. The least units
are those of full pages, so many at once.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from comms_source.config.settings import CONCURRENCY, PAGE_SIZE, RETENTION, WINDOW
from comms_source.coverage.planner import Scan, cut, cuts_for, pages_for
from comms_source.extract.parallel_scans import most_running
from comms_source.timespans import Span, parse_duration

NOW: Final = datetime(2026, 3, 9, 9, 7, tzinfo=UTC)
DAY: Final = timedelta(days=1)
RETAINED: Final = Span(NOW - parse_duration(RETENTION), NOW)
RHYTHM: Final = 0.7
"""How much operations gather at noon, as in the sandbox."""

Instants = Sequence[datetime]
"""When the operations of a channel were created, in order."""


def even(count: int) -> Instants:
    """Operations at equal distances."""
    return [RETAINED.start + (k + 0.5) / count * RETAINED.width for k in range(count)]


def by_day(count: int) -> Instants:
    """More operations by day than by night."""

    def shifted(instant: datetime) -> datetime:
        turn = 2 * math.pi * ((instant - NOW.replace(hour=0, minute=0)) / DAY % 1)
        return instant + RHYTHM / (2 * math.pi) * math.sin(turn) * DAY

    return [instant for instant in map(shifted, even(count)) if RETAINED.start <= instant < NOW]


def bursts(count: int) -> Instants:
    """A third at equal distances, and four campaigns of an hour each with the rest."""
    each = count // 6
    begins = [RETAINED.start + part * RETAINED.width for part in (0.1, 0.43, 0.62, 0.9)]
    campaigns = [b + k / each * timedelta(hours=1) for b in begins for k in range(each)]
    return sorted([*even(count - 4 * each), *campaigns])


Density = Callable[[int], Instants]
CASES: Final[Mapping[str, tuple[Density, Sequence[int]]]] = {
    "three channels, even": (even, (67_000, 67_000, 67_000)),
    "three channels, day and night": (by_day, (67_000, 67_000, 67_000)),
    "60/30/10, day and night": (by_day, (120_000, 60_000, 20_000)),
    "one channel, day and night": (by_day, (200_000,)),
    "one small channel, day and night": (by_day, (67_000,)),
    "three channels, bursts": (bursts, (67_000, 67_000, 67_000)),
}


@dataclass(slots=True)
class Channel:
    """A channel whose first load is read."""

    created: Instants
    waiting: deque[Scan] = field(
        default_factory=lambda: deque([Scan(span=RETAINED, cuttable=True)])
    )
    running: int = 0
    pages: int = 0

    def rows_in(self, span: Span) -> Instants:
        """The operations of a span."""
        return self.created[
            bisect_left(self.created, span.start) : bisect_left(self.created, span.end)
        ]

    @property
    def left(self) -> int:
        """How many scans have not ended."""
        return self.running + len(self.waiting)

    def begin(self, *, left: int) -> Iterator[Reading]:
        """The scans that may begin now, where so many are left in all channels."""
        most = most_running(left=left, pages=self.pages, parallel=CONCURRENCY)
        while self.waiting and self.running < most:
            self.running += 1
            scan = self.waiting.popleft()
            yield Reading(self, scan, self.rows_in(scan.span))

    def pieces(self, scan: Scan, first_page: Instants) -> list[Scan]:
        """The scans to read instead of one that its first page shows to be long."""
        seconds = (first_page[-1] - first_page[0]).total_seconds()
        certain = len(first_page) - 1 - math.sqrt(len(first_page))
        rows = certain / max(1.0, seconds) * scan.span.width.total_seconds()
        count = cuts_for(scan, rows=rows, page_size=PAGE_SIZE, parallel=CONCURRENCY)
        spans = cut(scan.span, count, parse_duration(WINDOW))
        return [replace(scan, span=s, rows=math.ceil(rows / len(spans))) for s in spans]


@dataclass(slots=True)
class Reading:
    """A scan that is being read, with what it will bring."""

    channel: Channel
    scan: Scan
    rows: Instants
    done: int = 0

    def goes_on(self) -> bool:
        """Read a page; whether there is another one."""
        self.done += 1
        self.channel.pages += 1
        if self.done < pages_for(len(self.rows), PAGE_SIZE):
            pieces = self.channel.pieces(self.scan, self.rows[:PAGE_SIZE])
            if self.done > 1 or len(pieces) == 1:
                return True
            self.channel.waiting.extendleft(reversed(pieces))
        self.channel.running -= 1
        return False


def flights(channels: Sequence[Channel]) -> list[int]:
    """How many requests are in flight, by unit."""
    counts: list[int] = []
    queue: deque[Reading] = deque()
    while True:
        left = sum(channel.left for channel in channels)
        for channel in channels:
            queue.extend(channel.begin(left=left))
        if not queue:
            return counts
        flight = [queue.popleft() for _ in range(min(CONCURRENCY, len(queue)))]
        counts.append(len(flight))
        queue.extend([reading for reading in flight if reading.goes_on()])


def table() -> Iterator[str]:
    """The lines of the table, in Markdown."""
    yield "| operations | full pages | requests | units | times the least | in flight |"
    yield "| --- | --: | --: | --: | --: | --: |"
    for name, (density, counts) in CASES.items():
        channels = [Channel(density(count)) for count in counts]
        pages = sum(pages_for(len(channel.created), PAGE_SIZE) for channel in channels)
        sent = flights(channels)
        cells = (
            name,
            f"{pages}",
            f"{sum(sent)}",
            f"{len(sent)}",
            f"{len(sent) / (pages / CONCURRENCY):.2f}",
            f"{sum(sent) / len(sent):.1f}",
        )
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    for line in table():
        print(line)  # noqa: T201 - a script


if __name__ == "__main__":
    main()
