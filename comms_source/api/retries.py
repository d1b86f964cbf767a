"""How long to insist: which attempts are repeated, after what wait, and when it is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from comms_source.api.responses import Broken, Busy, Fault

T = TypeVar("T")

MAX_BACKOFF_SECONDS: Final = 20.0
MIN_PAUSE_SECONDS: Final = 0.25
"""Kept even when the API says to wait for no time at all."""

_backoff: Final = wait_random_exponential(multiplier=0.5, max=MAX_BACKOFF_SECONDS)


class RetryPolicy:
    """The attempts at one request.

    A told wait is kept as told. Waits that nobody told are random and grow: jitter keeps the scans
    of a run, and the runs of many machines, from coming back all at once.
    """

    def __init__(
        self,
        *,
        max_api_wait: float,
        attempts: int,
        sleep: Callable[[float], None],
        pause_all: Callable[[float], None],
        on_retry: Callable[[], None],
        on_wait: Callable[[float], None],
    ) -> None:
        """Prepare the attempts at one request.

        Args:
            max_api_wait: For how many seconds, in sum, a busy API may make this request wait.
            attempts: How many attempts it is worth at most when its connection fails.
            sleep: Waits for some seconds.
            pause_all: Has everybody wait for some seconds.
            on_retry: Told before each repeated attempt.
            on_wait: Told, in seconds, how long this request is going to wait.
        """
        self._max_api_wait = max_api_wait
        self._attempts = attempts
        self._pause_all = pause_all
        self._on_retry = on_retry
        self._on_wait = on_wait
        self._seen: Counter[type[Fault]] = Counter()
        self._paused = 0.0
        self._retrying = Retrying(
            retry=retry_if_exception_type(Fault),
            wait=self._wait,
            stop=self._is_enough,
            before_sleep=self._before_sleep,
            sleep=sleep,
            reraise=True,
        )

    def call(self, attempt: Callable[[], T]) -> T:
        """Call `attempt` until it returns, or fails for good; then raise what it failed with."""
        try:
            return self._retrying(attempt)
        except Fault as fault:
            raise fault.error from None

    def _wait(self, state: RetryCallState) -> float:
        fault = _fault_of(state)
        self._seen[type(fault)] += 1
        if not isinstance(fault, Busy):
            return _backoff(state)
        told = fault.retry_after
        pause = max(MIN_PAUSE_SECONDS, _backoff(state) if told is None else told)
        self._paused += pause
        return pause

    def _is_enough(self, state: RetryCallState) -> bool:
        fault = _fault_of(state)
        worth = self._attempts if isinstance(fault, Broken) else fault.attempts
        return self._seen[type(fault)] >= worth or self._paused > self._max_api_wait

    def _before_sleep(self, state: RetryCallState) -> None:
        fault, wait = _fault_of(state), state.upcoming_sleep
        self._on_retry()
        self._on_wait(wait)
        if isinstance(fault, Busy) and fault.shared:
            self._pause_all(wait)


def _fault_of(state: RetryCallState) -> Fault:
    fault = state.outcome.exception() if state.outcome else None
    if not isinstance(fault, Fault):
        raise AssertionError("only a Fault is repeated")  # noqa: TRY004
    return fault
