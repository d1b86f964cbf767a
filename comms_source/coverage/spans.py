"""Sets of spans of creation time: what is left uncovered, what joins, how many rows are in each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from comms_source.timespans import Span


def uncovered(span: Span, covers: Iterable[Span]) -> list[Span]:
    """The parts of `span` that none of `covers` contains, in order."""
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


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same creation time in as few spans as possible, in order."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def rows_in(spans: Sequence[Span], rows: Mapping[datetime, int]) -> list[int]:
    """How many of `rows`, counted by instant, are in each of the ordered `spans`."""
    starts = [span.start for span in spans]
    counts = [0] * len(starts)
    for instant, count in rows.items():
        position = bisect_right(starts, instant) - 1
        if position >= 0 and instant < spans[position].end:
            counts[position] += count
    return counts
