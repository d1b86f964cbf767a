"""The rate that is estimated from refusals, in virtual time."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.api.rate_estimator import RateEstimator

Limit = Callable[[float], float]
"""Decides about a request at a time: 0 if it succeeds, else the seconds after which to retry."""


@dataclass
class Minutes:
    """Requests of eight busy scans against a server that refuses some."""

    limit: Limit
    latency: float = 0.1
    passed: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def play(self, estimator: RateEstimator, *, seconds: float) -> Minutes:
        """Start a request whenever one of the eight scans is idle and the estimator allows it."""
        answers: list[tuple[float, float]] = []
        resume_at = next_start = now = 0.0
        while now < seconds:
            begin = max(now, resume_at, next_start)
            if len(answers) < 8 and (not answers or begin <= answers[0][0]):
                now = begin
                next_start = now + estimator.interval(now)
                heapq.heappush(answers, (now + self.latency, self.limit(now)))
                continue
            now, retry_after = heapq.heappop(answers)
            if not retry_after:
                self.passed.append(now)
                estimator.passed(now)
                continue
            self.refused.append(now)
            if now >= resume_at:
                estimator.refused(now)
            resume_at = max(resume_at, now + retry_after)
        return self

    def rate(self, since: float, until: float) -> float:
        """Successful requests per second in a period."""
        return sum(since <= at < until for at in self.passed) / (until - since)

    def refused_share(self, since: float) -> float:
        """The share of refused requests since then."""
        passed = sum(at >= since for at in self.passed)
        refused = sum(at >= since for at in self.refused)
        return refused / (passed + refused)


def bucket(rate: float, *, size: float | None = None, whole_seconds: bool = True) -> Limit:
    """A server that allows `rate` per second, and bursts of `size`: by default a second's worth."""
    most = size or max(rate, 1)
    tokens, last = most, 0.0

    def limit(now: float) -> float:
        nonlocal tokens, last
        tokens, last = min(most, tokens + (now - last) * rate), now
        if tokens >= 1:
            tokens -= 1
            return 0.0
        wait = (1 - tokens) / rate
        return math.ceil(wait) if whole_seconds else max(0.25, wait)

    return limit


@pytest.mark.parametrize("latency", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("rate", [10, 20, 50])
def test_the_allowed_rate_is_used_and_seldom_exceeded(rate: float, latency: float) -> None:
    """At least 85 % of what a server allows in a minute; after 5 s, less than 2 % refused."""
    minutes = Minutes(bucket(rate), latency=latency).play(RateEstimator(), seconds=60)

    assert minutes.rate(0, 60) >= 0.85 * min(rate, 8 / latency)
    assert minutes.refused_share(since=5) < 0.02


def test_a_low_rate_is_exceeded_a_few_times_a_minute() -> None:
    """At 5 per second each refusal is a larger share, but there are no more of them."""
    minutes = Minutes(bucket(5), latency=0.05).play(RateEstimator(), seconds=60)

    assert minutes.rate(0, 60) >= 0.85 * 5
    assert sum(at >= 5 for at in minutes.refused) <= 6


def test_a_server_that_allows_no_bursts_is_supported() -> None:
    """If no two requests may start at once, the refusals of the first second set the rate."""
    minutes = Minutes(bucket(20, size=1, whole_seconds=False)).play(RateEstimator(), seconds=120)

    assert minutes.rate(60, 120) >= 0.8 * 20
    assert minutes.refused_share(since=30) < 0.05


def test_a_rate_that_rises_is_found() -> None:
    """Probing never stops, and is faster the longer nothing is refused."""
    slow, fast = bucket(5), bucket(40)
    minutes = Minutes(lambda now: slow(now) if now < 60 else fast(now)).play(
        RateEstimator(), seconds=240
    )

    assert minutes.rate(0, 60) <= 7
    assert minutes.rate(180, 240) >= 0.7 * 40


def test_a_rate_that_falls_is_followed() -> None:
    """Less than 2 % are refused soon after the change."""
    slow, fast = bucket(5), bucket(40)
    minutes = Minutes(lambda now: fast(now) if now < 60 else slow(now)).play(
        RateEstimator(), seconds=180
    )

    assert minutes.refused_share(since=90) < 0.02
    assert minutes.rate(90, 180) >= 0.85 * 5


def test_refusals_unrelated_to_the_rate_do_not_stop_requests() -> None:
    """A server that refuses half at random still gets at least a third of the requests."""
    chance, fair = random.Random(1), random.Random(1)
    free = Minutes(lambda _: 0.25 * (fair.random() < 0.5), latency=0.1)
    minutes = Minutes(lambda _: 0.25 * (chance.random() < 0.5), latency=0.1)

    minutes.play(RateEstimator(), seconds=600)

    free.play(_NoEstimate(), seconds=600)
    assert minutes.rate(0, 600) >= free.rate(0, 600) / 3


class _NoEstimate(RateEstimator):
    """Ignores refusals."""

    def refused(self, now: float) -> None:
        """Do nothing."""


@given(
    st.lists(st.tuples(st.booleans(), st.floats(min_value=0, max_value=30)), max_size=300),
    st.none() | st.floats(min_value=0.5, max_value=50),
)
def test_the_interval_is_finite_and_keeps_the_cap(
    answers: list[tuple[bool, float]], cap: float | None
) -> None:
    """No sequence of responses makes it infinite or negative, or makes the rate exceed the cap."""
    estimator, now = RateEstimator(cap), 0.0
    for good, later in answers:
        now += later
        (estimator.passed if good else estimator.refused)(now)
        assert 1 / (cap or math.inf) <= estimator.interval(now) < math.inf
