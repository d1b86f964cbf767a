"""Which scans a run takes: a pure function of the time, the coverage and the policy.

A window is due for a reason; due windows that adjoin become one scan. What a scan costs is its
pages, and a page is paid whether it is full or not. So two scans become one, with the windows
between them, where that takes no more pages. And neighbours come along of whose allowance half has
passed, where they add at most half of the pages that they would take alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Final

from comms_source.coverage.channel_coverage import ChannelCoverage, WindowRead
from comms_source.coverage.due import Reason, due_reason
from comms_source.coverage.policy import Policy, Retained
from comms_source.coverage.spans import uncovered
from comms_source.timespans import SECOND, Span, align_down, clip, windows

MAX_SCAN_PAGES: Final = 20
"""About how many pages a scan has at most, as far as row counts are known."""
MIN_SCAN_PAGES: Final = 5
"""How many pages a scan has at least before it is cut for the sake of parallel reading."""
MAX_UNCUT_PAGES: Final = 2 * MIN_SCAN_PAGES
"""Up to how many pages a scan of which nothing was known is left whole."""
MAX_PIECE_PAGES: Final = MAX_SCAN_PAGES + MIN_SCAN_PAGES
"""Up to how many pages the piece of a scan is left whole: there are enough others to read."""
FULL_PAGE: Final = 0.98
"""How full a page is planned at most, since a count may have grown."""
_NO_BOUNDS: Final = timedelta(days=1_000_000)
"""A width without bounds to keep to, for pieces of one window."""
MAX_CUTS: Final = 32
"""Into how many pieces a scan is cut at once that turns out to be too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A span to read, and what is known of it beforehand."""

    span: Span
    reasons: tuple[Reason, ...] = ()
    """Why windows in it are due; a window that only comes along gives none."""
    rows: int | None = None
    """How many operations it should bring; None where nothing is known."""
    cuttable: bool = False
    """Whether it may be cut after its first page, since `rows` is not known or only guessed."""

    def pages(self, page_size: int) -> int:
        """How many requests it should take; 1 where nothing is known."""
        return 1 if self.rows is None else pages_for(self.rows, page_size)


@dataclass(frozen=True, slots=True)
class _Slot:
    """One window as the plan sees it."""

    span: Span
    reason: Reason | None
    soon: bool
    """Whether half of the time has passed that it may go unread."""
    rows: int
    known: bool


def retained(*, now: datetime, policy: Retained) -> Span:
    """The creation times that the API still answers for, from a window bound up to `now`."""
    return Span(align_down(now - policy.retention, policy.window), now)


def plan(
    *, now: datetime, coverage: ChannelCoverage, policy: Policy, since: datetime | None = None
) -> list[Scan]:
    """The scans of a run at `now`, in order; together they hold every due instant exactly once.

    Args:
        now: The run's one instant; nothing created from then on is asked for.
        coverage: What was read before.
        policy: How to weigh it.
        since: Nothing created before it is asked for; by default all that the API answers for. Only
            a first run goes back beyond that.
    """
    span = retained(now=now, policy=policy)
    first = not coverage.windows and not coverage.parts
    if since is not None and (first or since > span.start):
        span = Span(since, now)
    if first:
        return [Scan(span=span, reasons=("never read",), cuttable=True)]
    slots = _slots(span, now=now, coverage=coverage, policy=policy)
    chosen = _runs(slots, policy.page_size)
    pages = sum(pages_for(_rows(run), policy.page_size) for run in chosen)
    most_rows = _share(pages, policy.parallel) * policy.page_size
    scans = [scan for run in chosen for scan in _cut_run(run, most_rows)]
    return [left for scan in scans for left in _without_parts(scan, coverage, policy)]


def pages_for(rows: int, page_size: int) -> int:
    """How many pages so many rows take; one even for none."""
    return max(1, math.ceil(rows / page_size))


def cuts_for(scan: Scan, *, rows: float, page_size: int, parallel: int) -> int:
    """Into how many scans to cut one that turns out to bring `rows`; 1 to leave it whole."""
    pages = math.ceil(rows / page_size)
    if pages <= (MAX_UNCUT_PAGES if scan.rows is None else MAX_PIECE_PAGES):
        return 1
    return min(MAX_CUTS, math.ceil(pages / _share(pages, parallel)))


def cut(span: Span, count: int, width: timedelta) -> list[Span]:
    """`span` in at most `count` adjoining pieces of about equal length.

    They meet at window bounds where there are enough of them, else at whole seconds.
    """
    bounds = [w.start for w in windows(span, width) if w.start > span.start]
    if len(bounds) + 1 < count:
        step = span.width / count
        bounds = [align_down(span.start + k * step, SECOND) for k in range(1, count)]
        bounds = [bound for bound in dict.fromkeys(bounds) if span.start < bound < span.end]
    edges = [span.start, *bounds, span.end]
    pieces = len(edges) - 1
    count = min(count, pieces)
    taken = [edges[pieces * k // count] for k in range(count + 1)]
    return [Span(a, b) for a, b in pairwise(taken)]


def _slots(span: Span, *, now: datetime, coverage: ChannelCoverage, policy: Policy) -> list[_Slot]:
    known = [start for start in coverage.windows if coverage.span_of(start).end > span.start]
    seconds = sum(coverage.span_of(start).width.total_seconds() for start in known)
    rows_known = sum(coverage.windows[start].rows for start in known)
    usual = rows_known / seconds if seconds else 0.0
    sooner = replace(policy, refresh_ratio=policy.refresh_ratio / 2)
    slots = []
    for window in coverage.cut(span, policy.window):
        if window.end <= now - policy.retention:
            continue  # A remainder beside windows of another width; the API has forgotten it.
        read = coverage.windows.get(window.start)
        reason = due_reason(window, read, now=now, policy=policy)
        soon = due_reason(window, read, now=now, policy=sooner) is not None
        part = clip(window, to=span)
        if part:
            rows = _expected(part, read, usual=usual)
            slots.append(_Slot(part, reason, soon, rows, known=read is not None))
    return slots


def _expected(part: Span, read: WindowRead | None, *, usual: float) -> int:
    """How many rows a window should bring: those it had, and what came since at the usual rate."""
    seen_to = part.start if read is None else min(max(read.read_at, part.start), part.end)
    return (read.rows if read else 0) + math.ceil((part.end - seen_to).total_seconds() * usual)


def _rows(run: Sequence[_Slot]) -> int:
    return sum(slot.rows for slot in run)


def _share(pages: int, parallel: int) -> int:
    """How many pages a scan should have where so many are to be read."""
    return min(MAX_SCAN_PAGES, max(MIN_SCAN_PAGES, math.ceil(pages / (3 * parallel))))


def _runs(slots: Sequence[_Slot], page_size: int) -> list[list[_Slot]]:
    """The runs to read: due windows that adjoin, joined where that takes no more pages; filled."""
    page = max(1, int(FULL_PAGE * page_size))
    runs: list[list[_Slot]] = []
    gaps: list[list[_Slot]] = [[]]
    for is_due, group in groupby(slots, key=lambda slot: slot.reason is not None):
        if not is_due:
            gaps[-1] = list(group)
            continue
        run = list(group)
        if runs and _share_pages(runs[-1], gaps[-1], run, page):
            runs[-1] += gaps.pop() + run
        else:
            runs.append(run)
        gaps.append([])
    for run, (before, after) in zip(runs, pairwise(gaps), strict=True):
        _fill(run, before, after, page)
    return runs


def _share_pages(
    one: Sequence[_Slot], between: Sequence[_Slot], other: Sequence[_Slot], page: int
) -> bool:
    """Whether two runs and what lies between them take no more pages than the two alone."""
    apart = pages_for(_rows(one), page) + pages_for(_rows(other), page)
    return pages_for(_rows([*one, *between, *other]), page) <= min(MAX_SCAN_PAGES, apart)


def _fill(run: list[_Slot], before: list[_Slot], after: list[_Slot], page: int) -> None:
    """Move neighbours into a run that come along with it."""
    while before and _comes_along(before[-1], run, page):
        run.insert(0, before.pop())
    while after and _comes_along(after[0], run, page):
        run.append(after.pop(0))


def _comes_along(slot: _Slot, run: Sequence[_Slot], page: int) -> bool:
    """Whether a neighbour will soon be due and adds at most half of its own pages to a run."""
    paid = pages_for(_rows(run), page)
    added = pages_for(_rows(run) + slot.rows, page) - paid
    return slot.soon and 2 * added <= pages_for(slot.rows, page) and paid + added <= MAX_SCAN_PAGES


def _cut_run(run: Sequence[_Slot], most_rows: int) -> Iterator[Scan]:
    """The run as scans of about `most_rows` rows each."""
    count = math.ceil(_rows(run) / most_rows) if _rows(run) > 1.25 * most_rows else 1
    fair = 1.05 * _rows(run) / count
    held: list[_Slot] = []
    holding = 0
    for slot in run:
        if slot.rows > 1.25 * most_rows and count > 1:
            yield from _scan_of(held)
            yield from _cut_slot(slot, math.ceil(slot.rows / most_rows))
            held, holding = [], 0
            continue
        if held and holding + slot.rows > fair:
            yield from _scan_of(held)
            held, holding = [], 0
        held.append(slot)
        holding += slot.rows
    yield from _scan_of(held)


def _scan_of(slots: Sequence[_Slot]) -> Iterator[Scan]:
    if not slots:
        return
    reasons = tuple(dict.fromkeys(slot.reason for slot in slots if slot.reason))
    if not reasons:
        return  # They came along, and were cut off from what they came along with.
    yield Scan(
        span=Span(slots[0].span.start, slots[-1].span.end),
        reasons=reasons,
        rows=_rows(slots),
        cuttable=not all(slot.known for slot in slots),
    )


def _cut_slot(slot: _Slot, count: int) -> Iterator[Scan]:
    spans = cut(slot.span, count, _NO_BOUNDS)
    for scan in _scan_of([slot]):
        for span in spans:
            yield replace(scan, span=span, rows=math.ceil(slot.rows / len(spans)))


def _without_parts(scan: Scan, coverage: ChannelCoverage, policy: Policy) -> Iterator[Scan]:
    """What of a scan is left to read where pieces of its windows were read already."""
    if coverage.width != policy.window:
        yield scan  # Pieces are of windows of another width, which are not read any more.
        return
    done = [
        part.span
        for window in coverage.cut(scan.span, policy.window)
        for part in coverage.parts.get(window.start, ())
    ]
    if not done:
        yield scan
        return
    for span in uncovered(scan.span, done):
        share = span.width / scan.span.width
        yield replace(scan, span=span, rows=None if scan.rows is None else round(scan.rows * share))
