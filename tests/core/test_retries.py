"""The retry policy."""

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
    """An API that requires a wait."""
    return ServerBusy(StillBusy("busy"), retry_after=seconds, shared=shared)


class Attempts:
    """Attempts that fail one after the other, with a record of what happened between them."""

    def __init__(
        self, *failures: RetryableError, max_api_wait: float = 60, attempts: int = 4
    ) -> None:
        self.left = list(failures)
        self.made = 0
        self.slept: list[float] = []
        self.paused_all: list[float] = []
        self.retries = 0
        self._policy = RetryPolicy(
            max_api_wait=max_api_wait,
            attempts=attempts,
            sleep=self.slept.append,
            pause_all=self.paused_all.append,
            on_retry=self._count,
            on_wait=lambda _: None,
        )

    def call(self) -> str:
        """Call with the retry policy."""
        return self._policy.call(self._attempt)

    def _attempt(self) -> str:
        self.made += 1
        if self.left:
            raise self.left.pop(0)
        return "answer"

    def _count(self) -> None:
        self.retries += 1


def assert_gives_up(attempts: Attempts, error: type[ScanFailed], *, after: int) -> None:
    """The policy raises the failure's own error after this many attempts."""
    with pytest.raises(error):
        attempts.call()
    assert attempts.made == after


def test_a_success_is_not_retried() -> None:
    """One attempt, no wait."""
    attempts = Attempts()

    assert (attempts.call(), attempts.made, attempts.slept) == ("answer", 1, [])


def test_retry_after_is_respected() -> None:
    """And after a 429, by all requests."""
    attempts = Attempts(busy(7), busy(2.5))

    assert attempts.call() == "answer"
    assert attempts.slept == attempts.paused_all == [7, 2.5]
    assert attempts.retries == 2


def test_a_503_delays_only_its_own_request() -> None:
    """It says nothing about other requests."""
    attempts = Attempts(busy(7, shared=False))

    assert attempts.call() == "answer"
    assert (attempts.slept, attempts.paused_all) == ([7], [])


def test_there_is_a_minimum_wait() -> None:
    """Even if the API repeatedly says to retry after 0 seconds."""
    attempts = Attempts(busy(0), busy(0))
    attempts.call()

    assert min(attempts.slept) >= 0.25


def test_without_retry_after_waits_are_random_and_bounded() -> None:
    """They grow up to a maximum."""
    attempts = Attempts(*(busy(None) for _ in range(9)), max_api_wait=500)
    attempts.call()

    assert all(0 < wait <= MAX_BACKOFF_SECONDS for wait in attempts.slept)


def test_max_api_wait_limits_the_sum_of_waits() -> None:
    """A wait that would exceed it does not begin."""
    attempts = Attempts(busy(30), busy(30), busy(1), max_api_wait=60)

    assert_gives_up(attempts, StillBusy, after=3)
    assert attempts.slept == [30, 30]


def test_the_retries_of_a_busy_api_are_limited() -> None:
    """The number of attempts is limited in addition to the time."""
    attempts = Attempts(*(busy(0) for _ in range(1000)), max_api_wait=10_000)

    assert_gives_up(attempts, StillBusy, after=300)


def test_an_internal_error_is_retried_once() -> None:
    """Each kind of failure is counted separately."""
    assert_gives_up(Attempts(broken(), failed(), broken(), failed()), ServerFault, after=4)
    assert Attempts(failed(), broken(), broken()).call() == "answer"


def test_broken_connections_are_retried_as_often_as_set() -> None:
    """Then the error of the last attempt is raised."""
    attempts = Attempts(*(broken() for _ in range(9)), attempts=4)

    assert_gives_up(attempts, ConnectionLost, after=4)


def test_other_errors_are_raised_at_once() -> None:
    """They are passed through unchanged."""
    attempts = Attempts()
    with pytest.raises(ZeroDivisionError):
        attempts._policy.call(lambda: 1 // 0)
