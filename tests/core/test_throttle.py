"""The throttle that limits all requests."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.api.throttle import Throttle


class FakeTime:
    """A clock that moves only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        """The time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += seconds


def throttle_at(time: FakeTime, *, concurrency: int = 8, rate: float | None = None) -> Throttle:
    """A throttle that uses a fake clock."""
    return Throttle(
        concurrency=concurrency, requests_per_second=rate, clock=time.clock, sleep=time.sleep
    )


def starts(throttle: Throttle, time: FakeTime, count: int) -> list[float]:
    """When each of `count` requests, one after the other, may start."""
    times = []
    for _ in range(count):
        with throttle.slot():
            times.append(time.now)
    return times


def test_after_a_refusal_all_requests_pause() -> None:
    """No request starts before the pause is over."""
    time = FakeTime()
    throttle = throttle_at(time)
    throttle.back_off(7)

    assert starts(throttle, time, 2) == [1007.0, 1007.0]


def test_the_longest_of_several_pauses_counts() -> None:
    """A later, shorter one does not shorten it."""
    time = FakeTime()
    throttle = throttle_at(time)
    throttle.back_off(7)
    throttle.back_off(2)

    assert starts(throttle, time, 1) == [1007.0]


def test_a_burst_of_refusals_halves_the_concurrency_once() -> None:
    """Requests that were in progress together are refused together, and that is one event."""
    time = FakeTime()
    throttle = throttle_at(time)
    for _ in range(8):
        throttle.back_off(1)
    assert throttle.allowed == 4

    time.sleep(1)
    throttle.back_off(1)
    assert throttle.allowed == 2


def test_concurrency_recovers_by_one_per_round_of_successes() -> None:
    """Additive increase, up to the setting."""
    throttle = throttle_at(FakeTime(), concurrency=4)
    throttle.back_off(0)
    assert throttle.allowed == 2

    for _ in range(3):
        throttle.recover()
    assert throttle.allowed == 3
    for _ in range(50):
        throttle.recover()
    assert throttle.allowed == 4


@given(st.integers(min_value=1, max_value=64), st.lists(st.booleans(), max_size=200))
def test_the_allowed_concurrency_never_leaves_its_bounds(most: int, answers: list[bool]) -> None:
    """After any responses, at least one request is allowed, and never more than the setting."""
    time = FakeTime()
    throttle = throttle_at(time, concurrency=most)
    for good in answers:
        time.sleep(1)
        throttle.recover() if good else throttle.back_off(0.5)
        assert 1 <= throttle.allowed <= most


@given(st.floats(min_value=0.5, max_value=50), st.integers(min_value=2, max_value=40))
def test_the_rate_limit_is_kept(rate: float, count: int) -> None:
    """No two requests start closer together than the rate allows."""
    time = FakeTime()
    times = starts(throttle_at(time, rate=rate), time, count)

    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert min(gaps) >= 1 / rate - 1e-6


def test_the_concurrency_limit_is_kept() -> None:
    """Sixteen threads share a throttle of three, and three requests are in progress at most."""
    throttle = Throttle(concurrency=3)
    lock, meeting = threading.Lock(), threading.Barrier(3, timeout=10)
    inside, most = 0, 0

    def request(_: int) -> None:
        nonlocal inside, most
        with throttle.slot():
            with lock:
                inside += 1
                most = max(most, inside)
            meeting.wait()
            with lock:
                inside -= 1

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(request, range(15)))
    assert most == 3


def _waiting_for_a_slot(throttle: Throttle) -> None:
    with throttle.slot():
        pass


def _waiting_to_retry(throttle: Throttle) -> None:
    throttle.rest(600)
    with throttle.slot():
        pass


@pytest.mark.parametrize("waiting", [_waiting_for_a_slot, _waiting_to_retry])
def test_closing_ends_waits_and_rejects_later_requests(waiting: Callable[[Throttle], None]) -> None:
    """Both raise the reason; a wait of ten minutes ends at once."""
    throttle = Throttle(concurrency=1)
    if waiting is _waiting_for_a_slot:
        throttle.back_off(600)
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(waiting, throttle)
        throttle.close(KeyError("over"))
        with pytest.raises(KeyError, match="over"):
            waiter.result(timeout=10)

    with pytest.raises(KeyError, match="over"), throttle.slot():
        pytest.fail("no request may start")


def test_a_failed_request_releases_its_slot() -> None:
    """Otherwise a throttle of one would be blocked forever."""
    throttle = Throttle(concurrency=1)
    with pytest.raises(ValueError, match="oops"), throttle.slot():
        raise ValueError("oops")

    with throttle.slot():
        pass


def test_waits_are_reported() -> None:
    """So that a run can report how long it was throttled."""
    time, waits = FakeTime(), list[float]()
    throttle = Throttle(concurrency=1, clock=time.clock, sleep=time.sleep, on_wait=waits.append)
    throttle.back_off(3)
    with throttle.slot():
        pass

    assert waits == [3.0]
