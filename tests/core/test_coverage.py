"""What the coverage of a channel records, drops and reports as gaps."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from comms_source.coverage.channel_coverage import (
    VISIBILITY_LAG,
    ChannelCoverage,
    Part,
    ScanResult,
    WindowRead,
)
from comms_source.coverage.planner import plan
from comms_source.coverage.policy import Policy, Retained
from comms_source.coverage.spans import joined, uncovered
from comms_source.coverage.state import read_coverage, write_coverage
from comms_source.timespans import Span, align_down, align_up, clip, windows

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + 480 * HOUR
WEEK = Retained(retention=timedelta(days=7), window=HOUR)

hours = st.integers(min_value=0, max_value=120)
spans = st.builds(
    lambda start, length: Span(START + start * HOUR, START + (start + length) * HOUR),
    hours,
    st.integers(min_value=1, max_value=30),
)
keeping = st.builds(
    lambda days, width: Retained(retention=timedelta(days=days), window=width * HOUR),
    st.integers(min_value=2, max_value=5),
    st.integers(min_value=1, max_value=12),
)
moments = st.integers(min_value=0, max_value=15 * 86400).map(lambda s: START + timedelta(seconds=s))
readings = st.builds(
    lambda span, began, lasted: ScanResult(span, began, began + lasted),
    spans,
    moments,
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=1)),
)
reads = st.builds(WindowRead, moments, st.integers(0, 10**6), st.booleans())
histories = st.lists(st.none() | reads, min_size=1, max_size=12)
"""What is known of some windows in turn; repeated for as many as there are."""


def held(span: Span) -> set[datetime]:
    """The whole hours in a span."""
    return {hour.start for hour in windows(span, HOUR)}


def held_by(covers: Iterable[Span]) -> set[datetime]:
    """The whole hours in any of the spans."""
    return {hour for span in covers for hour in held(span)}


def coverage_of(
    history: Sequence[WindowRead | None], *, since: datetime, until: datetime, width: timedelta
) -> ChannelCoverage:
    """A coverage of the windows in `[since, until)`, with the history repeated over them."""
    known = {
        window.start: read
        for window, read in zip(
            windows(Span(since, until), width), itertools.cycle(history), strict=False
        )
        if read
    }
    return ChannelCoverage(tracked_from=align_down(since, width), windows=known, width=width)


def incomplete(
    coverage: ChannelCoverage, *, since: datetime, until: datetime, kept: Retained
) -> list[Span]:
    """The windows between two bounds that no reading made complete."""
    found = []
    at = since
    while at < until:
        read = coverage.windows.get(at)
        if read is None or not read.complete:
            found.append(Span(at, at + kept.window))
        at += kept.window
    return found


@given(spans, st.lists(spans, max_size=6))
def test_uncovered_is_what_no_cover_contains(span: Span, covers: list[Span]) -> None:
    """Hour by hour, the covered and the uncovered parts make up the span, in order."""
    left = uncovered(span, covers)

    assert held(span) - held_by(covers) == held_by(left)
    assert all(a.end < b.start for a, b in itertools.pairwise(left))


@given(st.sets(hours, max_size=40))
def test_joined_spans_have_the_same_hours_and_are_not_adjacent(chosen: set[int]) -> None:
    """Joining neither adds nor removes time, and leaves nothing that could still be joined."""
    apart = [Span(START + k * HOUR, START + (k + 1) * HOUR) for k in sorted(chosen)]
    whole = joined(apart)

    assert held_by(apart) == held_by(whole)
    assert all(a.end < b.start for a, b in itertools.pairwise(whole))


@given(
    st.none() | moments,
    st.none() | moments,
    histories,
    st.lists(st.tuples(hours, moments, moments, st.integers(0, 99)), max_size=6),
    st.integers(min_value=1, max_value=12),
)
@settings(max_examples=60)
def test_a_coverage_survives_a_round_trip_through_state(
    tracked_from: datetime | None,
    complete_at: datetime | None,
    history: list[WindowRead | None],
    pieces: list[tuple[int, datetime, datetime, int]],
    width: int,
) -> None:
    """To state, through JSON text and back is the same coverage, to the second."""
    coverage = coverage_of(history, since=START, until=START + 48 * HOUR, width=width * HOUR)
    coverage.tracked_from, coverage.complete_at = tracked_from, complete_at
    for hour, began, ended, rows in sorted(pieces):
        piece = Span(START + hour * HOUR, START + (hour + 1) * HOUR)
        home = align_down(piece.start, width * HOUR)
        coverage.parts.setdefault(home, []).append(Part(piece, began, ended, rows))

    assert coverage == through_the_state(coverage)


def through_the_state(coverage: ChannelCoverage) -> ChannelCoverage:
    """What is read back from the state as dlt stores it."""
    state: dict[str, Any] = {}
    write_coverage(state, "shop", coverage)
    return read_coverage(json.loads(json.dumps(state)), "shop")


def test_no_state_is_an_empty_coverage() -> None:
    """A channel that was never read has no coverage and no deadline."""
    assert ChannelCoverage() == read_coverage({}, "shop") == through_the_state(ChannelCoverage())


@given(moments, moments, st.timedeltas(timedelta(0), timedelta(seconds=1)))
def test_rounding_in_the_state_claims_no_more_than_was_read(
    began: datetime, ended: datetime, fraction: timedelta
) -> None:
    """Fractions of a second make a reading begin earlier and end later, never the other way."""
    part = Part(Span(START, START + HOUR), began + fraction, ended + fraction, 1)
    coverage = ChannelCoverage(width=HOUR, parts={START: [part]})
    (kept,) = through_the_state(coverage).parts[START]

    assert kept.began <= part.began
    assert kept.ended >= part.ended


@given(keeping, spans, st.lists(readings, max_size=8), st.randoms(use_true_random=False))
def test_a_window_is_read_when_scans_cover_what_is_needed_of_it(
    kept: Retained, within: Span, finished: list[ScanResult], order: Random
) -> None:
    """For any parts in any order; scans that ended after the window expired do not count."""
    order.shuffle(finished)
    coverage = ChannelCoverage()
    returned = {start for r in finished for start in coverage.note(r, within=within, kept=kept)}

    expected = set()
    for window in windows(within, kept.window):
        forgotten = window.end + kept.retention
        needed = clip(window, to=within)
        counted = held_by(r.span for r in finished if r.ended < forgotten)
        if needed and held(needed) <= counted:
            expected.add(window.start)
    assert expected == set(coverage.windows) == returned


@given(keeping, spans, st.lists(readings, max_size=8))
def test_a_complete_window_was_read_closed_and_not_expired(
    kept: Retained, within: Span, finished: list[ScanResult]
) -> None:
    """Each instant of it was in a reading that began late enough and ended early enough."""
    coverage = ChannelCoverage()
    for reading in finished:
        coverage.note(reading, within=within, kept=kept)

    for start in (start for start, read in coverage.windows.items() if read.complete):
        window = Span(start, start + kept.window)
        needed = clip(window, to=within)
        sound = [
            r.span
            for r in finished
            if r.began >= window.end + VISIBILITY_LAG and r.ended <= start + kept.retention
        ]
        assert needed is not None
        assert not uncovered(needed, sound)


@given(
    st.integers(-300, 300).map(lambda s: timedelta(seconds=s)),
    st.integers(-300, 300).map(lambda s: timedelta(seconds=s)),
)
@example(timedelta(0), timedelta(0))
@example(timedelta(seconds=-1), timedelta(0))
@example(timedelta(0), timedelta(seconds=1))
def test_a_read_is_complete_exactly_within_its_two_bounds(late: timedelta, over: timedelta) -> None:
    """Not before the lag after its end, and not past the retention of its start."""
    window = Span(START, START + HOUR)
    began, ended = window.end + VISIBILITY_LAG + late, window.start + WEEK.retention + over
    coverage = ChannelCoverage()
    coverage.note(ScanResult(window, began, ended), within=window, kept=WEEK)

    read = coverage.windows[START]
    assert read.complete == (late >= timedelta(0) and over <= timedelta(0))
    assert read.read_at == began


@given(keeping, spans, st.lists(readings, min_size=1, max_size=8))
def test_a_complete_window_stays_complete(
    kept: Retained, within: Span, finished: list[ScanResult]
) -> None:
    """No later reading, however late, takes it back."""
    coverage = ChannelCoverage()
    complete: set[datetime] = set()
    for reading in finished:
        coverage.note(reading, within=within, kept=kept)
        after = {start for start, read in coverage.windows.items() if read.complete}
        assert complete <= after
        complete = after


def test_a_read_of_an_expiring_window_is_not_complete() -> None:
    """It is recorded, and leaves a complete window complete; a read after expiry is ignored."""
    window = Span(START, START + HOUR)
    half_forgotten, forgotten = (
        window.start + WEEK.retention + HOUR / 2,
        window.end + WEEK.retention,
    )
    early, late, last = (
        ScanResult(window, ended - HOUR / 2, ended)
        for ended in (START + 9 * HOUR, half_forgotten, forgotten)
    )
    coverage, other = ChannelCoverage(), ChannelCoverage()

    assert coverage.note(early, within=window, kept=WEEK) == [START]
    assert coverage.note(late, within=window, kept=WEEK) == [START]
    assert coverage.windows == {START: WindowRead(late.began, 0, complete=True)}
    assert other.note(late, within=window, kept=WEEK) == [START]
    assert other.windows == {START: WindowRead(late.began, 0, complete=False)}
    assert coverage.note(last, within=window, kept=WEEK) == []
    assert coverage.windows[START].read_at == late.began


def test_a_window_read_in_parts_has_the_age_of_its_first_part() -> None:
    """And the rows of all. Until the last part is read, the window does not count as read."""
    window = Span(START, START + HOUR)
    middle = START + HOUR / 2
    late, later = START + 5 * HOUR, START + 9 * HOUR
    second = ScanResult(Span(middle, window.end), later, later, {START: 4})
    first = ScanResult(Span(START, middle), late, late, {START: 3})
    coverage = ChannelCoverage()

    assert coverage.note(second, within=window, kept=WEEK) == []
    assert coverage.windows == {}
    assert coverage.note(first, within=window, kept=WEEK) == [START]
    assert coverage.windows == {START: WindowRead(late, 7, complete=True)}
    assert coverage.parts == {}


def test_parts_read_too_early_or_too_long_ago_are_dropped() -> None:
    """A part is stale if its window was open, or if its share of the window's age has passed."""
    window = Span(START, START + HOUR)
    begun = {
        "too early": window.end + VISIBILITY_LAG - timedelta(seconds=1),
        "too long ago": window.end + 7 * HOUR,
        "fresh": window.end + 9 * HOUR,
    }
    parts = [Part(window, began, began, 0) for began in begun.values()]
    coverage = ChannelCoverage(width=HOUR, parts={START: parts})

    coverage.drop_stale_parts(now=window.end + 10 * HOUR, ratio=0.2)
    assert coverage.parts == {START: [parts[2]]}
    coverage.drop_stale_parts(now=window.end + 100 * HOUR, ratio=0.2)
    assert coverage.parts == {}


@given(keeping, moments)
def test_the_first_run_has_no_gap(kept: Retained, now: datetime) -> None:
    """It tracks creation time from the first whole window within the retention."""
    coverage = ChannelCoverage()

    assert coverage.deadline(now=now, kept=kept) is None
    assert coverage.expire(now=now, kept=kept) == []
    assert coverage.tracked_from == align_up(now - kept.retention, kept.window)
    assert coverage.width == kept.window


@given(keeping, histories, st.timedeltas(timedelta(0), timedelta(days=4)))
@settings(max_examples=60)
def test_gaps_are_the_expired_windows_that_are_not_complete(
    kept: Retained, history: list[WindowRead | None], away: timedelta
) -> None:
    """Exactly those from what was owed up to what the API holds in whole windows."""
    now = NOW + away
    coverage = coverage_of(history, since=NOW - kept.retention, until=NOW, width=kept.window)
    owed, horizon = coverage.tracked_from, align_up(now - kept.retention, kept.window)
    assert owed is not None
    missed = incomplete(coverage, since=owed, until=horizon, kept=kept)
    gaps = coverage.expire(now=now, kept=kept)

    assert held_by(missed) == held_by(gaps)
    assert all(a.end < b.start for a, b in itertools.pairwise(gaps))
    assert coverage.tracked_from == horizon


@given(
    keeping,
    histories,
    st.timedeltas(timedelta(0), timedelta(days=8)),
    st.timedeltas(timedelta(0), timedelta(days=8)),
)
@settings(max_examples=60)
def test_a_gap_is_reported_once(
    kept: Retained, history: list[WindowRead | None], away: timedelta, longer: timedelta
) -> None:
    """A later call returns only windows that expired since; one at the same time returns none."""
    coverage = coverage_of(history, since=NOW - kept.retention, until=NOW, width=kept.window)
    first = coverage.expire(now=NOW + away, kept=kept)
    accounted = coverage.tracked_from
    assert accounted is not None

    assert coverage.expire(now=NOW + away, kept=kept) == []
    later = coverage.expire(now=NOW + away + longer, kept=kept)
    assert all(gap.end <= accounted for gap in first)
    assert all(gap.start >= accounted for gap in later)


@given(keeping, histories, st.timedeltas(timedelta(0), timedelta(days=8)))
@settings(max_examples=60)
def test_expiry_keeps_exactly_the_windows_within_retention(
    kept: Retained, history: list[WindowRead | None], away: timedelta
) -> None:
    """The window that is half forgotten stays, all before it goes, and so do its parts."""
    coverage = coverage_of(history, since=NOW - kept.retention, until=NOW, width=kept.window)
    coverage.parts = {
        start: [Part(Span(start, start + kept.window / 2), NOW, NOW, 0)]
        for start in coverage.windows
    }
    known, oldest = set(coverage.windows), align_down(NOW + away - kept.retention, kept.window)
    coverage.expire(now=NOW + away, kept=kept)

    assert set(coverage.windows) == {start for start in known if start >= oldest}
    assert set(coverage.parts) == set(coverage.windows)


@given(
    keeping,
    st.lists(
        st.tuples(
            st.timedeltas(timedelta(0), timedelta(days=3)),
            st.lists(st.tuples(st.floats(0, 0.98), st.floats(0.01, 1)), max_size=3),
        ),
        max_size=6,
    ),
)
@settings(max_examples=60)
def test_the_size_of_a_coverage_is_bounded(
    kept: Retained, runs: list[tuple[timedelta, list[tuple[float, float]]]]
) -> None:
    """After any reads it has one entry per window of the retention, and two more at most."""
    coverage, now = ChannelCoverage(), NOW
    most = kept.retention / kept.window + 2
    for away, pieces in runs:
        now += away
        coverage.expire(now=now, kept=kept)
        whole = Span(align_down(now - kept.retention, kept.window), now)
        for begin, share in pieces:
            start = whole.start + begin * whole.width
            piece = Span(start, min(now, start + share * whole.width))
            coverage.note(ScanResult(piece, now, now + HOUR), within=whole, kept=kept)
        assert len(coverage.windows) <= most
        assert len(coverage.parts) <= most


def test_windows_keep_their_bounds_when_the_width_changes() -> None:
    """Hours that were read stay hours; the day around them begins where they end."""
    eleven = START + 11 * HOUR
    coverage = ChannelCoverage(width=HOUR, tracked_from=START)
    for hour in range(8, 11):
        coverage.windows[START + hour * HOUR] = WindowRead(eleven + HOUR, 5, complete=True)

    days = coverage.cut(Span(START, START + 30 * HOUR), timedelta(days=1))
    assert [(w.start - START) / HOUR for w in days] == [0, 8, 9, 10, 11, 24]
    assert days[-1].end == START + 48 * HOUR
    reading = ScanResult(Span(eleven, START + 24 * HOUR), NOW, NOW, {eleven + 2 * HOUR: 3})
    kept = replace(WEEK, retention=timedelta(days=40), window=timedelta(days=1))
    assert coverage.note(reading, within=Span(START, NOW), kept=kept) == [eleven]
    assert coverage.span_of(eleven) == Span(eleven, START + 24 * HOUR)
    assert coverage.span_of(START + 9 * HOUR).width == HOUR
    assert coverage.windows[eleven].rows == 3
    assert coverage == through_the_state(coverage)


widths = st.sampled_from([20, 45, 60, 90, 120, 240, 420, 1440]).map(
    lambda minutes: timedelta(minutes=minutes)
)


def live_run(
    coverage: ChannelCoverage, *, now: datetime, policy: Policy
) -> tuple[list[Span], list[Span]]:
    """A run that reads at once all that is due: what it read, and the gaps that it found."""
    within = Span(align_down(now - policy.retention, policy.window), now)
    spans = [scan.span for scan in plan(now=now, coverage=coverage, policy=policy)]
    for span in spans:
        coverage.note(ScanResult(span, now, now), within=within, kept=policy)
    return spans, coverage.expire(now=now, kept=policy)


@pytest.mark.slow
@given(
    st.lists(st.tuples(widths, st.integers(1, 20 * 3600)), min_size=2, max_size=12),
    st.integers(0, 86400),
)
@example([(HOUR, 60), (2 * HOUR, 60), (1.5 * HOUR, 60), (4 * HOUR, 60), (24 * HOUR, 3600)], 37815)
@settings(max_examples=40)
def test_changing_the_width_keeps_complete_windows(
    runs: list[tuple[timedelta, int]], second: int
) -> None:
    """For any sequence of widths; a run right after a change reads what is still open."""
    coverage, now = ChannelCoverage(), NOW + timedelta(seconds=second)
    for width, pause in runs:
        policy = Policy(
            retention=timedelta(days=7),
            window=width,
            parallel=8,
            page_size=1000,
            refresh="adaptive",
            refresh_ratio=0.1,
        )
        fresh = [coverage.span_of(s) for s, r in coverage.windows.items() if r.complete]
        read, _ = live_run(copy.deepcopy(coverage), now=now, policy=policy)
        if fresh:
            assert not any(clip(window, to=span) for window in fresh for span in read)
        now += timedelta(seconds=pause)
        _, gaps = live_run(coverage, now=now, policy=policy)
        assert gaps == []


def test_records_of_a_clock_that_was_ahead_are_dropped() -> None:
    """Windows read after the API's time are due again, and `tracked_from` is not in the future."""
    ahead = NOW + timedelta(days=30)
    coverage = ChannelCoverage(width=HOUR, tracked_from=ahead - WEEK.retention, complete_at=ahead)
    sound = WindowRead(NOW - HOUR, 1, complete=True)
    coverage.windows = {
        NOW - 5 * HOUR: sound,
        NOW + 5 * HOUR: WindowRead(ahead, 1, complete=True),
    }
    coverage.forget_later_than(NOW, kept=WEEK)

    assert coverage.windows == {NOW - 5 * HOUR: sound}
    assert coverage.tracked_from == NOW - WEEK.retention
    assert coverage.complete_at is None


@given(keeping, histories, st.timedeltas(timedelta(0), timedelta(days=4)))
@settings(max_examples=60)
def test_the_deadline_is_when_the_first_incomplete_window_expires(
    kept: Retained, history: list[WindowRead | None], away: timedelta
) -> None:
    """Its start and the retention; where all is complete, that of the window now open."""
    coverage = coverage_of(history, since=NOW - kept.retention, until=NOW - HOUR, width=kept.window)
    now = NOW + away + kept.window
    owed = coverage.tracked_from
    assert owed is not None
    first = incomplete(coverage, since=owed, until=now + kept.window, kept=kept)[0]

    assert coverage.deadline(now=now, kept=kept) == first.start + kept.retention
