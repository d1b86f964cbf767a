"""Which scans a run makes, and how long ones are split."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comms_source.coverage.channel_coverage import (
    LAST_CHANCE,
    VISIBILITY_LAG,
    ChannelCoverage,
    Part,
    WindowRead,
)
from comms_source.coverage.due import Reason, due_reason
from comms_source.coverage.planner import (
    FULL_PAGE,
    MAX_CUTS,
    MAX_SCAN_PAGES,
    MIN_SCAN_PAGES,
    Scan,
    cut,
    cuts_for,
    pages_for,
    plan,
    retained,
)
from comms_source.coverage.policy import Policy
from comms_source.coverage.spans import uncovered
from comms_source.timespans import Span, align_down, clip, windows

SECOND, MINUTE, HOUR, DAY = (timedelta(**{u: 1}) for u in ("seconds", "minutes", "hours", "days"))
NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
PAGE = 1000
POLICY = Policy(
    retention=2 * DAY,
    window=HOUR,
    parallel=8,
    page_size=PAGE,
    refresh="adaptive",
    refresh_ratio=0.2,
)

instants = st.datetimes(
    min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(UTC)
).map(lambda instant: instant.replace(microsecond=0))
policies = st.builds(
    Policy,
    retention=st.integers(2, 10).map(lambda days: days * DAY),
    window=st.integers(1, 12).map(lambda hours: hours * HOUR),
    parallel=st.integers(min_value=1, max_value=64),
    page_size=st.just(PAGE),
    refresh=st.sampled_from(["adaptive", "adaptive", "full"]),
    refresh_ratio=st.sampled_from([0.05, 0.2, 0.5, 1.0]),
)
adaptive = policies.map(lambda policy: replace(policy, refresh="adaptive"))
weights = st.integers(min_value=0, max_value=9)
memories = st.tuples(st.sampled_from([0.0, 0.3, 0.7, 0.9, 0.99, 1.5, 9.0]), weights)
"""How much of a window's allowance has passed, and its rows relative to others."""
histories = st.lists(st.none() | memories, min_size=1, max_size=8).filter(
    lambda history: any(history[:3])
)
"""What is known of the windows, repeated for all of them; at least one is known."""
fractions = st.floats(min_value=0, max_value=0.95)
pieces = st.lists(st.none() | st.tuples(fractions, fractions), min_size=1, max_size=5)
"""Which parts of the windows are finished, repeated likewise."""


@dataclass(frozen=True)
class Case:
    """The input of a plan."""

    now: datetime
    coverage: ChannelCoverage
    policy: Policy

    def plan(self, since: datetime | None = None) -> list[Scan]:
        """The plan for this case."""
        return plan(now=self.now, coverage=self.coverage, policy=self.policy, since=since)

    @property
    def span(self) -> Span:
        """The API's retention."""
        return retained(now=self.now, policy=self.policy)

    @property
    def windows(self) -> list[tuple[Span, Reason | None]]:
        """Each window, up to now, and the reason why it is due."""
        found = []
        for window in windows(self.span, self.policy.window):
            read = self.coverage.windows.get(window.start)
            part = clip(window, to=self.span)
            assert part is not None
            found.append((part, due_reason(window, read, now=self.now, policy=self.policy)))
        return found

    @property
    def due(self) -> list[Span]:
        """The windows that are due."""
        return [window for window, reason in self.windows if reason]

    @property
    def fresh(self) -> list[Span]:
        """The windows that are not due."""
        return [window for window, reason in self.windows if not reason]

    @property
    def finished(self) -> list[Span]:
        """The finished parts of windows."""
        return [part.span for parts in self.coverage.parts.values() for part in parts]

    def rows(self, window: Span) -> int:
        """The expected rows of a window: those known, and the average rate since it was read."""
        counts = [read.rows for read in self.coverage.windows.values()]
        usual = sum(counts) / (len(counts) * self.policy.window.total_seconds())
        read = self.coverage.windows.get(align_down(window.start, self.policy.window))
        if read is None:
            return math.ceil(window.width.total_seconds() * usual)
        unseen = window.end - min(max(read.read_at, window.start), window.end)
        return read.rows + math.ceil(unseen.total_seconds() * usual)


def case_of(
    now: datetime,
    policy: Policy,
    history: Sequence[tuple[float, int] | None],
    done: Sequence[tuple[float, float] | None] = (None,),
    heaviest: float = 3.0,
) -> Case:
    """A coverage with the history repeated over its windows, the largest of `heaviest` pages."""
    coverage = ChannelCoverage(width=policy.window)
    every = windows(retained(now=now, policy=policy), policy.window)
    known = zip(every, itertools.cycle(history), itertools.cycle(done), strict=False)
    for window, memory, piece in known:
        if memory:
            allowance = policy.refresh_ratio * max(0 * SECOND, now - window.end)
            read_at = max(window.start, now - memory[0] * allowance)
            rows = int(heaviest * policy.page_size * memory[1] / 9)
            coverage.windows[window.start] = WindowRead(read_at, rows, complete=False)
        start = align_down(window.start + (piece or (0, 0))[0] * window.width, SECOND)
        end = min(window.end, now, start + (piece or (0, 0))[1] * window.width)
        if start < end:
            coverage.parts[window.start] = [Part(Span(start, end), now, now, 0)]
    return Case(now, coverage, policy)


def small_case(now: datetime, policy: Policy, history: Sequence[tuple[float, int] | None]) -> Case:
    """A case whose windows hold fewer than five pages in all, by their history."""
    count = len(list(windows(retained(now=now, policy=policy), policy.window)))
    return case_of(now, policy, history, heaviest=4.5 / count)


cases = st.builds(
    case_of, instants, policies, histories, pieces, st.sampled_from([0.001, 0.1, 1, 5, 60])
)
whole_cases = st.builds(
    case_of, instants, policies, histories, heaviest=st.sampled_from([0.001, 0.1, 1, 5, 60])
)
few_windows = adaptive.map(
    lambda policy: replace(policy, retention=policy.retention / 4, window=4 * HOUR)
)


def is_uncut(case: Case) -> bool:
    """Whether the expected rows of all windows are so few that no scan is split."""
    expected = sum(case.rows(window) for window, _ in case.windows)
    return expected <= MIN_SCAN_PAGES * FULL_PAGE * case.policy.page_size


small_cases = st.builds(small_case, instants, few_windows, histories).filter(is_uncut)
quick = settings(max_examples=40)


def spread(rows: int, *, due: Sequence[int]) -> Case:
    """Two days of just-read windows with `rows` each, but some hours ago never read.

    The hour that is still open has so many rows too, and is always due.
    """
    case = case_of(NOW, POLICY, [(0.0, 9)], heaviest=rows / PAGE)
    for hours_ago in due:
        del case.coverage.windows[align_down(NOW - hours_ago * HOUR, HOUR)]
    return case


def hours(first: int, last: int = 0) -> Span:
    """The windows from `first` to `last` hours ago, both included, up to now."""
    start, end = (align_down(NOW - ago * HOUR, HOUR) for ago in (first, last))
    return Span(start, min(end + HOUR, NOW))


def test_forty_operations_a_week_are_one_scan_of_one_page() -> None:
    """Half of the windows are due, and one request reads them all."""
    case = case_of(NOW, POLICY, [(1.5, 0), (0.3, 0), (0.3, 0), (1.5, 9)], heaviest=1 / PAGE)
    (scan,) = case.plan()

    assert len(case.due) > 20
    assert scan.span == Span(case.due[0].start, NOW)
    assert scan.pages(PAGE) == 1


def test_two_due_windows_that_share_a_page_are_one_scan() -> None:
    """The windows between them are read too, since one request returns all."""
    (scan,) = spread(300, due=[2]).plan()

    assert scan.span == hours(2)
    assert scan.rows == 900
    assert scan.reasons == ("never read", "not closed when read")


def test_windows_between_are_read_if_they_cost_no_more_pages() -> None:
    """Runs of 1200 and 800 rows take three pages, also with 800 rows between them."""
    near, far = spread(400, due=[6, 5, 4, 1]), spread(400, due=[7, 6, 5, 1])

    assert [scan.span for scan in near.plan()] == [hours(6)]
    assert [scan.span for scan in far.plan()] == [hours(7, 5), hours(1)]


def test_two_due_windows_too_far_apart_for_a_page_are_two_scans() -> None:
    """The windows between them would cost more pages than joining saves."""
    case = spread(300, due=[20])

    assert [scan.span for scan in case.plan()] == case.due == [hours(20, 20), hours(0)]


def test_windows_that_are_due_soon_are_read_if_they_fit() -> None:
    """Half of their allowance has passed; a page with 300 due rows has room for 600 more."""
    late = case_of(NOW, replace(POLICY, retention=DAY + HOUR), [(0.6, 9)], heaviest=300 / PAGE)

    assert late.due[-1] == hours(0)
    assert late.plan()[-1].span == hours(2)


def test_a_large_window_is_read_if_it_fills_the_last_page() -> None:
    """Windows of 1200 rows take two pages each, and four take five; another would take two more."""
    late = case_of(NOW, replace(POLICY, retention=DAY + HOUR), [(0.6, 9)], heaviest=1.2)

    assert late.plan()[-1].span == hours(3)
    assert late.plan()[-1].pages(PAGE) == 5


def test_windows_that_were_just_read_are_not_read_again() -> None:
    """Even if the page has room for them."""
    assert [scan.span for scan in spread(10, due=[]).plan()] == [hours(0)]


def test_many_pages_are_read_by_several_scans_at_once() -> None:
    """The scans are adjacent, and none has more than its share of the pages."""
    policy = replace(POLICY, refresh="full")
    scans = replace(spread(PAGE, due=[]), policy=policy).plan()

    assert all(a.span.end == b.span.start for a, b in itertools.pairwise(scans))
    assert len(scans) > POLICY.parallel
    assert max(scan.pages(PAGE) for scan in scans) <= 5


def test_a_window_with_very_many_rows_is_split() -> None:
    """Its parts are adjacent, and have equal shares of the rows."""
    scans = spread(50 * PAGE, due=[]).plan()

    assert len(scans) == 10
    assert all(a.span.end == b.span.start for a, b in itertools.pairwise(scans))
    assert {scan.rows for scan in scans} == {5 * PAGE}


@quick
@given(cases)
def test_every_due_instant_is_in_exactly_one_scan(case: Case) -> None:
    """Scans are ordered and disjoint, and cover all that is due except finished parts."""
    scans = [scan.span for scan in case.plan()]

    assert all(a.end <= b.start for a, b in itertools.pairwise(scans))
    assert all(case.span.start <= scan.start and scan.end <= case.span.end for scan in scans)
    for window in case.due:
        assert not uncovered(window, [*scans, *case.finished])


@quick
@given(cases)
def test_no_finished_part_is_read_again(case: Case) -> None:
    """What an interrupted run has read of a window is in no scan."""
    for scan in case.plan():
        assert not any(clip(piece, to=scan.span) for piece in case.finished)


@quick
@given(small_cases)
def test_each_scan_has_a_due_window(case: Case) -> None:
    """It gives the reasons of its due windows, and consists of whole windows."""
    for scan in case.plan():
        within = [(span, why) for span, why in case.windows if clip(span, to=scan.span)]
        reasons = [why for _, why in within if why]
        assert scan.reasons
        assert scan.reasons == tuple(dict.fromkeys(reasons))
        assert scan.span == Span(within[0][0].start, within[-1][0].end)


@pytest.mark.slow
@settings(max_examples=150)
@given(small_cases)
def test_windows_not_due_cost_half_of_what_they_would_alone(case: Case) -> None:
    """Each adds at most half of the pages that it would take alone."""

    def pages(spans: Sequence[Span]) -> int:
        return pages_for(sum(map(case.rows, spans)), int(FULL_PAGE * PAGE))

    every = [window for window, _ in case.windows]
    scans = [[w for w in every if clip(w, to=scan.span)] for scan in case.plan()]
    runs = itertools.groupby(case.windows, key=lambda window: bool(window[1]))
    alone = [[window for window, _ in run] for is_due, run in runs if is_due]
    along = [pages([window]) // 2 for scan in scans for window in scan if window in case.fresh]
    assert sum(map(pages, scans)) <= sum(map(pages, alone)) + sum(along)


@quick
@given(cases)
def test_the_order_of_windows_in_the_coverage_does_not_matter(case: Case) -> None:
    """A coverage in reverse order gives the same plan."""
    backwards = dict(reversed(case.coverage.windows.items()))

    assert case.plan() == replace(case, coverage=replace(case.coverage, windows=backwards)).plan()


@quick
@given(cases)
def test_a_plan_is_deterministic(case: Case) -> None:
    """The same input gives the same plan, and planning does not change it."""
    before = copy.deepcopy(case.coverage)

    assert case.plan() == case.plan()
    assert before == case.coverage


@quick
@given(cases)
def test_no_scan_is_much_longer_than_a_full_scan(case: Case) -> None:
    """As far as row counts are known; longer ones are split into about equal parts."""
    for scan in case.plan():
        assert scan.rows is not None
        assert scan.pages(PAGE) <= 1.25 * MAX_SCAN_PAGES


@quick
@given(whole_cases)
def test_a_scan_may_be_split_later_if_its_rows_are_estimated(case: Case) -> None:
    """The row count is known if and only if each of its windows was read before."""
    for scan in case.plan():
        within = [window for window, _ in case.windows if clip(window, to=scan.span)]
        homes = [align_down(window.start, case.policy.window) for window in within]
        assert scan.cuttable == any(home not in case.coverage.windows for home in homes)


@quick
@given(instants, policies)
def test_the_first_run_is_one_scan_that_may_be_split(now: datetime, policy: Policy) -> None:
    """Its row count is not known."""
    (scan,) = Case(now, ChannelCoverage(), policy).plan()

    assert scan == Scan(
        span=retained(now=now, policy=policy), reasons=("never read",), cuttable=True
    )
    assert scan.pages(PAGE) == 1


@quick
@given(instants, policies, st.timedeltas(SECOND, 400 * DAY))
def test_the_first_run_begins_at_the_given_start(
    now: datetime, policy: Policy, back: timedelta
) -> None:
    """Even before the retention, and within a window."""
    (scan,) = Case(now, ChannelCoverage(), policy).plan(since=now - back)

    assert scan.span == Span(now - back, now)


@quick
@given(cases, st.floats(min_value=0, max_value=2))
def test_a_later_run_starts_at_its_start_or_the_retention(case: Case, back: float) -> None:
    """All that is due from then on is in a scan; a start before the retention changes nothing."""
    since = case.now - max(SECOND, back * case.span.width)
    scans = [scan.span for scan in case.plan(since=since)]
    reach = Span(max(since, case.span.start), case.now)

    assert all(clip(scan, to=reach) == scan for scan in scans)
    for window in case.due:
        wanted = clip(window, to=reach)
        assert wanted is None or not uncovered(wanted, [*scans, *case.finished])
    if since <= case.span.start:
        assert scans == [scan.span for scan in case.plan()]


@quick
@given(instants, adaptive, st.lists(weights, min_size=1, max_size=8))
def test_if_all_was_just_read_only_open_windows_are_scanned(
    now: datetime, policy: Policy, rows: list[int]
) -> None:
    """A window is open until all operations created in it are listed for sure."""
    case = case_of(now, policy, [(0.0, weight) for weight in rows])
    still_open = align_down(now - VISIBILITY_LAG, policy.window)

    assert all(scan.span.start >= still_open for scan in case.plan())
    assert {scan.reasons for scan in case.plan()} == {("not closed when read",)}


@quick
@given(instants, adaptive, histories)
def test_a_small_account_is_one_scan(
    now: datetime, policy: Policy, history: list[tuple[float, int] | None]
) -> None:
    """If all rows fit on a page, one request is enough."""
    case = case_of(now, policy, history, heaviest=0.002)
    (scan,) = case.plan()

    assert scan.pages(PAGE) == 1
    assert scan.span.start <= case.due[0].start
    assert scan.span.end == case.due[-1].end


@quick
@given(whole_cases)
def test_a_full_refresh_reads_every_window(case: Case) -> None:
    """Even fresh ones; the scans cover the whole retention."""
    scans = replace(case, policy=replace(case.policy, refresh="full")).plan()

    assert uncovered(case.span, [scan.span for scan in scans]) == []
    assert {reason for scan in scans for reason in scan.reasons} <= {"full refresh", "never read"}


@pytest.mark.parametrize(
    ("read_after_end", "age", "expected"),
    [
        (VISIBILITY_LAG - SECOND, 2 * MINUTE, "not closed when read"),
        (VISIBILITY_LAG, VISIBILITY_LAG, None),
        (8 * HOUR + SECOND, 10 * HOUR, None),
        (8 * HOUR, 10 * HOUR, "stale"),
        (DAY - HOUR, DAY, "last chance"),
        (DAY, DAY, None),
    ],
)
def test_a_window_is_due_when_its_allowance_has_passed(
    read_after_end: timedelta, age: timedelta, expected: str | None
) -> None:
    """A fifth of its age here, but at once while it is open, and once more on its last day."""
    window = Span(NOW - age - HOUR, NOW - age)
    read = WindowRead(window.end + read_after_end, 0, complete=True)

    assert due_reason(window, read, now=NOW, policy=POLICY) == expected


def test_a_window_that_was_never_read_is_always_due() -> None:
    """Under any policy."""
    full = replace(POLICY, refresh="full")
    window = Span(NOW - HOUR, NOW)

    assert due_reason(window, None, now=NOW, policy=POLICY) == "never read"
    assert due_reason(window, None, now=NOW, policy=full) == "never read"


cuttable = st.builds(
    lambda start, seconds: Span(start, start + seconds * SECOND),
    instants,
    st.integers(min_value=1, max_value=200_000),
)
counts = st.integers(min_value=1, max_value=MAX_CUTS)
widths = st.integers(min_value=1, max_value=24).map(lambda hours: hours * HOUR)


@given(cuttable, counts, widths)
def test_parts_are_adjacent_and_cover_the_span(span: Span, count: int, width: timedelta) -> None:
    """Nothing is lost or read twice, and there are at most `count` of them."""
    cuts = cut(span, count, width)

    assert 1 <= len(cuts) <= count
    assert (cuts[0].start, cuts[-1].end) == (span.start, span.end)
    assert all(a.end == b.start for a, b in itertools.pairwise(cuts))


@given(cuttable, counts, widths)
def test_parts_meet_at_window_bounds_if_there_are_enough(
    span: Span, count: int, width: timedelta
) -> None:
    """Then there are `count`, which differ by two windows at most; else they meet at seconds."""
    cuts = cut(span, count, width)
    enough = len(list(windows(span, width))) >= count

    for piece in cuts[1:]:
        assert piece.start == align_down(piece.start, width if enough else SECOND)
    if enough:
        lengths = [piece.width for piece in cuts]
        assert len(cuts) == count
        assert max(lengths) - min(lengths) <= 2 * width


UNKNOWN = Scan(span=Span(NOW, NOW + DAY), cuttable=True)
PIECE = replace(UNKNOWN, rows=PAGE)


@given(st.floats(0, 10 * PAGE), st.integers(1, 64), st.sampled_from([UNKNOWN, PIECE]))
def test_a_scan_of_up_to_ten_pages_is_not_split(rows: float, parallel: int, scan: Scan) -> None:
    """Splitting would cost more than parallel reading saves."""
    assert cuts_for(scan, rows=rows, page_size=PAGE, parallel=parallel) == 1


@given(st.floats(0, 25 * PAGE), st.integers(1, 64))
def test_a_part_is_not_split_again_for_a_few_more_rows(rows: float, parallel: int) -> None:
    """Other parts can be read in parallel; its first page would be read twice."""
    assert cuts_for(PIECE, rows=rows, page_size=PAGE, parallel=parallel) == 1


@given(st.floats(25 * PAGE + 1, 10**9), st.integers(1, 64), st.sampled_from([UNKNOWN, PIECE]))
def test_a_longer_scan_is_split(rows: float, parallel: int, scan: Scan) -> None:
    """Into at least two parts of at most a full scan each, up to `MAX_CUTS`."""
    count = cuts_for(scan, rows=rows, page_size=PAGE, parallel=parallel)

    assert 1 <= count <= MAX_CUTS
    assert count == MAX_CUTS or rows / count <= MAX_SCAN_PAGES * PAGE
    assert count >= 2 or rows <= MAX_SCAN_PAGES * PAGE


@pytest.mark.parametrize(("rows", "pages"), [(0, 1), (1, 1), (PAGE, 1), (PAGE + 1, 2)])
def test_every_scan_takes_at_least_one_page(rows: int, pages: int) -> None:
    """Even a scan without rows needs a request."""
    assert pages_for(rows, PAGE) == pages


def test_on_its_last_day_a_window_is_read_once_more() -> None:
    """A window read before that day is due when the day begins, and not again after that."""
    end = NOW - POLICY.retention + LAST_CHANCE
    window = Span(end - HOUR, end)
    before = WindowRead(NOW - SECOND, 0, complete=True)

    assert due_reason(window, before, now=NOW, policy=POLICY) == "last chance"
    assert due_reason(window, before, now=NOW - SECOND, policy=POLICY) is None
    assert due_reason(window, replace(before, read_at=NOW), now=NOW, policy=POLICY) is None
