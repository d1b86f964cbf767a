"""The throttle that every request passes."""

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
    """A clock that only sleeping moves."""

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


def gate_at(time: FakeTime, *, concurrency: int = 8, rate: float | None = None) -> Throttle:
    """A throttle that lives by a fake clock."""
    return Throttle(
        concurrency=concurrency, requests_per_second=rate, clock=time.clock, sleep=time.sleep
    )


def starts(throttle: Throttle, time: FakeTime, count: int) -> list[float]:
    """When each of `count` requests, one after the other, may start."""
    times = []
    for _ in range(count):
        with throttle.passing():
            times.append(time.now)
    return times


def test_after_a_refusal_nobody_passes_before_its_time_is_over() -> None:
    """The pause holds for whoever comes."""
    time = FakeTime()
    throttle = gate_at(time)
    throttle.back_off(7)

    assert starts(throttle, time, 2) == [1007.0, 1007.0]


def test_the_longest_of_several_pauses_counts() -> None:
    """A shorter one that comes later does not shorten it."""
    time = FakeTime()
    throttle = gate_at(time)
    throttle.back_off(7)
    throttle.back_off(2)

    assert starts(throttle, time, 1) == [1007.0]


def test_a_burst_of_refusals_halves_the_concurrency_once() -> None:
    """Requests that were under way together are refused together, and that is one event."""
    time = FakeTime()
    throttle = gate_at(time)
    for _ in range(8):
        throttle.back_off(1)
    assert throttle.allowed == 4

    time.sleep(1)
    throttle.back_off(1)
    assert throttle.allowed == 2


def test_concurrency_recovers_by_one_for_each_round_of_good_answers_and_no_further() -> None:
    """Additive increase, up to what was set."""
    throttle = gate_at(FakeTime(), concurrency=4)
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
    """Whatever answers come, at least one request may be under way and never more than set."""
    time = FakeTime()
    throttle = gate_at(time, concurrency=most)
    for good in answers:
        time.sleep(1)
        throttle.recover() if good else throttle.back_off(0.5)
        assert 1 <= throttle.allowed <= most


@given(st.floats(min_value=0.5, max_value=50), st.integers(min_value=2, max_value=40))
def test_starts_keep_the_rate(rate: float, count: int) -> None:
    """No two requests start closer to each other than the rate allows."""
    time = FakeTime()
    times = starts(gate_at(time, rate=rate), time, count)

    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert min(gaps) >= 1 / rate - 1e-6


def test_no_more_requests_are_under_way_than_set() -> None:
    """Sixteen threads through a throttle of three."""
    throttle = Throttle(concurrency=3)
    lock, meeting = threading.Lock(), threading.Barrier(3, timeout=10)
    inside, most = 0, 0

    def request(_: int) -> None:
        nonlocal inside, most
        with throttle.passing():
            with lock:
                inside += 1
                most = max(most, inside)
            meeting.wait()
            with lock:
                inside -= 1

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(request, range(15)))
    assert most == 3


def _waiting_for_its_turn(throttle: Throttle) -> None:
    with throttle.passing():
        pass


def _resting(throttle: Throttle) -> None:
    throttle.rest(600)
    with throttle.passing():
        pass


@pytest.mark.parametrize("waiting", [_waiting_for_its_turn, _resting])
def test_closing_wakes_who_waits_and_refuses_who_comes(waiting: Callable[[Throttle], None]) -> None:
    """Both get the reason raised; a wait of ten minutes does not keep anybody."""
    throttle = Throttle(concurrency=1)
    if waiting is _waiting_for_its_turn:
        throttle.back_off(600)
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(waiting, throttle)
        throttle.close(KeyError("over"))
        with pytest.raises(KeyError, match="over"):
            waiter.result(timeout=10)

    with pytest.raises(KeyError, match="over"), throttle.passing():
        pytest.fail("nobody may pass")


def test_a_request_that_fails_gives_its_place_back() -> None:
    """Else a throttle of one would be shut for ever."""
    throttle = Throttle(concurrency=1)
    with pytest.raises(ValueError, match="oops"), throttle.passing():
        raise ValueError("oops")

    with throttle.passing():
        pass


def test_waits_are_told() -> None:
    """So that a run can say how long it was kept waiting."""
    time, told = FakeTime(), list[float]()
    throttle = Throttle(concurrency=1, clock=time.clock, sleep=time.sleep, on_wait=told.append)
    throttle.back_off(3)
    with throttle.passing():
        pass

    assert told == [3.0]
