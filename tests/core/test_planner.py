"""Which walks a run takes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from comms_source.planner import Policy, plan, retained
from comms_source.windows import Span, align_down

policies = st.builds(
    Policy,
    retention=st.timedeltas(min_value=timedelta(hours=2), max_value=timedelta(days=8)),
    window=st.timedeltas(min_value=timedelta(minutes=10), max_value=timedelta(hours=2)),
    parallel=st.integers(min_value=1, max_value=64),
)
instants = st.datetimes(
    min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(UTC)
)


@given(instants, policies)
def test_walks_cover_every_instant_of_a_range_exactly_once(now: datetime, policy: Policy) -> None:
    """Walks are in order, adjoin, and begin and end with the range itself."""
    span = retained(now=now, policy=policy)
    walks = plan(span=span, policy=policy)

    assert (span.start, span.end) == (walks[0].start, walks[-1].end)
    assert all(a.end == b.start for a, b in itertools.pairwise(walks))


@given(instants, policies)
def test_walks_are_as_many_as_may_run_at_once_and_of_about_one_length(
    now: datetime, policy: Policy
) -> None:
    """Never more than asked for, never more than windows, and no two differ by over one window."""
    walks = plan(span=retained(now=now, policy=policy), policy=policy)

    assert 1 <= len(walks) <= policy.parallel
    inner = [walk.width for walk in walks[:-1]]
    assert not inner or max(inner) - min(inner) <= policy.window


@given(instants, policies)
def test_inner_bounds_are_window_bounds(now: datetime, policy: Policy) -> None:
    """Only the ends of the whole range may lie within a window."""
    walks = plan(span=retained(now=now, policy=policy), policy=policy)

    for walk in walks[1:]:
        assert walk.start == align_down(walk.start, policy.window)


@given(instants, policies)
def test_all_of_the_retention_is_asked_for(now: datetime, policy: Policy) -> None:
    """The range reaches from the window that the oldest kept operation is in up to now."""
    span = retained(now=now, policy=policy)

    assert span.end == now
    assert now - policy.retention - policy.window < span.start <= now - policy.retention


def test_a_range_within_one_window_is_one_walk_of_exactly_that_range() -> None:
    """A short backfill asks for nothing beyond it."""
    start = datetime(2026, 1, 1, 12, 10, tzinfo=UTC)
    span = Span(start, start + timedelta(minutes=20))
    policy = Policy(retention=timedelta(days=7), window=timedelta(hours=1), parallel=8)

    assert [span] == plan(span=span, policy=policy)
