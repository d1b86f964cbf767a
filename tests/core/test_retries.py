"""How long to insist."""

from __future__ import annotations

import pytest

from comms_source.api.responses import ConnectionBroken, RetryableError, ServerBusy, ServerFailed
from comms_source.api.retries import MAX_BACKOFF_SECONDS, RetryPolicy
from comms_source.errors import ConnectionLost, ScanFailed, ServerFault, StillBusy


def broken() -> RetryableError:
    """A lost connection."""
    return ConnectionBroken(ConnectionLost("lost"))


def failed() -> RetryableError:
    """A failure on the API's side."""
    return ServerFailed(ServerFault("failed"))


def busy(seconds: float | None, *, shared: bool = True) -> RetryableError:
    """An API that asks to wait."""
    return ServerBusy(StillBusy("busy"), retry_after=seconds, shared=shared)


class Attempts:
    """Attempts that meet one fault after the other, and what happened between them."""

    def __init__(
        self, *faults: RetryableError, max_api_wait: float = 60, attempts: int = 4
    ) -> None:
        self.left = list(faults)
        self.made = 0
        self.slept: list[float] = []
        self.paused_all: list[float] = []
        self.retries = 0
        self._insistence = RetryPolicy(
            max_api_wait=max_api_wait,
            attempts=attempts,
            sleep=self.slept.append,
            pause_all=self.paused_all.append,
            on_retry=self._count,
            on_wait=lambda _: None,
        )

    def call(self) -> str:
        """Insist."""
        return self._insistence.call(self._attempt)

    def _attempt(self) -> str:
        self.made += 1
        if self.left:
            raise self.left.pop(0)
        return "answer"

    def _count(self) -> None:
        self.retries += 1


def assert_gives_up(attempts: Attempts, error: type[ScanFailed], *, after: int) -> None:
    """It raises the fault's own error after so many attempts."""
    with pytest.raises(error):
        attempts.call()
    assert attempts.made == after


def test_a_good_answer_needs_no_insisting() -> None:
    """One attempt, no wait."""
    attempts = Attempts()

    assert (attempts.call(), attempts.made, attempts.slept) == ("answer", 1, [])


def test_told_waits_are_kept_as_told() -> None:
    """And, after 429, by everybody."""
    attempts = Attempts(busy(7), busy(2.5))

    assert attempts.call() == "answer"
    assert attempts.slept == attempts.paused_all == [7, 2.5]
    assert attempts.retries == 2


def test_unavailability_makes_only_its_own_request_wait() -> None:
    """503 says nothing of other requests."""
    attempts = Attempts(busy(7, shared=False))

    assert attempts.call() == "answer"
    assert (attempts.slept, attempts.paused_all) == ([7], [])


def test_a_wait_of_no_time_is_a_short_wait() -> None:
    """A server that says 0 again and again is not hammered."""
    attempts = Attempts(busy(0), busy(0))
    attempts.call()

    assert min(attempts.slept) >= 0.25


def test_untold_waits_are_random_and_bounded() -> None:
    """They grow up to a bound."""
    attempts = Attempts(*(busy(None) for _ in range(9)), max_api_wait=500)
    attempts.call()

    assert all(0 < wait <= MAX_BACKOFF_SECONDS for wait in attempts.slept)


def test_patience_is_the_sum_of_waits() -> None:
    """The wait that would exceed it is not begun."""
    attempts = Attempts(busy(30), busy(30), busy(1), max_api_wait=60)

    assert_gives_up(attempts, StillBusy, after=3)
    assert attempts.slept == [30, 30]


def test_an_api_that_is_busy_for_no_time_is_not_asked_for_ever() -> None:
    """Attempts are counted beside the time."""
    attempts = Attempts(*(busy(0) for _ in range(1000)), max_api_wait=10_000)

    assert_gives_up(attempts, StillBusy, after=300)


def test_a_server_fault_is_repeated_once_whatever_came_before() -> None:
    """Kinds of faults are counted apart."""
    assert_gives_up(Attempts(broken(), failed(), broken(), failed()), ServerFault, after=4)
    assert Attempts(failed(), broken(), broken()).call() == "answer"


def test_broken_connections_are_repeated_as_often_as_set() -> None:
    """And the last one's error is raised, without dragging the request along."""
    attempts = Attempts(*(broken() for _ in range(9)), attempts=4)

    assert_gives_up(attempts, ConnectionLost, after=4)


def test_what_is_no_fault_is_raised_at_once() -> None:
    """Other errors pass through untouched."""
    attempts = Attempts()
    with pytest.raises(ZeroDivisionError):
        attempts._insistence.call(lambda: 1 // 0)
