"""The rate that is learned from refusals, in virtual time."""

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
"""Takes a request at a time; 0 if it passes, else after how many seconds to come again."""


@dataclass
class Minutes:
    """Requests of eight busy scans against a server that refuses some."""

    limit: Limit
    latency: float = 0.1
    passed: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def play(self, pace: RateEstimator, *, seconds: float) -> Minutes:
        """Start a request whenever one of the eight is free and the pace allows it."""
        answers: list[tuple[float, float]] = []
        resume_at = next_start = now = 0.0
        while now < seconds:
            begin = max(now, resume_at, next_start)
            if len(answers) < 8 and (not answers or begin <= answers[0][0]):
                now = begin
                next_start = now + pace.interval(now)
                heapq.heappush(answers, (now + self.latency, self.limit(now)))
                continue
            now, told = heapq.heappop(answers)
            if not told:
                self.passed.append(now)
                pace.passed(now)
                continue
            self.refused.append(now)
            if now >= resume_at:
                pace.refused(now)
            resume_at = max(resume_at, now + told)
        return self

    def rate(self, since: float, until: float) -> float:
        """Requests a second that passed in a stretch of time."""
        return sum(since <= at < until for at in self.passed) / (until - since)

    def refused_share(self, since: float) -> float:
        """Of the requests since then, how many were refused."""
        passed = sum(at >= since for at in self.passed)
        refused = sum(at >= since for at in self.refused)
        return refused / (passed + refused)


def bucket(rate: float, *, size: float | None = None, whole_seconds: bool = True) -> Limit:
    """A server that allows `rate` a second, as many at once as in a second unless told."""
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
def test_the_allowed_rate_is_used_and_seldom_overdone(rate: float, latency: float) -> None:
    """Of what a server allows in a minute, 85 % at least; after 5 s, fewer than 2 % refused."""
    minutes = Minutes(bucket(rate), latency=latency).play(RateEstimator(), seconds=60)

    assert minutes.rate(0, 60) >= 0.85 * min(rate, 8 / latency)
    assert minutes.refused_share(since=5) < 0.02


def test_a_low_rate_is_overdone_a_few_times_a_minute() -> None:
    """At 5 a second, each refusal is a larger share; there are no more of them."""
    minutes = Minutes(bucket(5), latency=0.05).play(RateEstimator(), seconds=60)

    assert minutes.rate(0, 60) >= 0.85 * 5
    assert sum(at >= 5 for at in minutes.refused) <= 6


def test_a_server_without_a_store_of_requests_is_paced_too() -> None:
    """Where not two may come at once, the refusals of the first second are the lesson."""
    minutes = Minutes(bucket(20, size=1, whole_seconds=False)).play(RateEstimator(), seconds=120)

    assert minutes.rate(60, 120) >= 0.8 * 20
    assert minutes.refused_share(since=30) < 0.05


def test_a_rate_that_rises_is_found() -> None:
    """Probing goes on for ever, and faster the longer nothing is refused."""
    slow, fast = bucket(5), bucket(40)
    minutes = Minutes(lambda now: slow(now) if now < 60 else fast(now)).play(
        RateEstimator(), seconds=240
    )

    assert minutes.rate(0, 60) <= 7
    assert minutes.rate(180, 240) >= 0.7 * 40


def test_a_rate_that_falls_is_followed() -> None:
    """To less than 2 % refused again."""
    slow, fast = bucket(5), bucket(40)
    minutes = Minutes(lambda now: fast(now) if now < 60 else slow(now)).play(
        RateEstimator(), seconds=180
    )

    assert minutes.refused_share(since=90) < 0.02
    assert minutes.rate(90, 180) >= 0.85 * 5


def test_refusals_that_have_nothing_to_do_with_the_rate_do_not_stop_everything() -> None:
    """A server that refuses half of all at random is asked about as often as without a pace."""
    chance, fair = random.Random(1), random.Random(1)
    free = Minutes(lambda _: 0.25 * (fair.random() < 0.5), latency=0.1)
    minutes = Minutes(lambda _: 0.25 * (chance.random() < 0.5), latency=0.1)

    minutes.play(RateEstimator(), seconds=600)

    free.play(_NoPace(), seconds=600)
    assert minutes.rate(0, 600) >= free.rate(0, 600) / 3


class _NoPace(RateEstimator):
    """Learns nothing."""

    def refused(self, now: float) -> None:
        """Forget it."""


@given(
    st.lists(st.tuples(st.booleans(), st.floats(min_value=0, max_value=30)), max_size=300),
    st.none() | st.floats(min_value=0.5, max_value=50),
)
def test_whatever_happens_the_pace_is_a_number_and_keeps_the_cap(
    answers: list[tuple[bool, float]], cap: float | None
) -> None:
    """No sequence of answers makes it stand still, run backwards, or exceed what was set."""
    pace, now = RateEstimator(cap), 0.0
    for good, later in answers:
        now += later
        (pace.passed if good else pace.refused)(now)
        assert 1 / (cap or math.inf) <= pace.interval(now) < math.inf
