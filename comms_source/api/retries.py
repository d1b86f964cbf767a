"""The retry policy: which failures are retried, after what wait, and when to give up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from comms_source.api.responses import ConnectionBroken, RetryableError, ServerBusy

T = TypeVar("T")

MAX_BACKOFF_SECONDS: Final = 20.0
MIN_PAUSE_SECONDS: Final = 0.25
"""The minimum, even if the API says to retry after 0 seconds."""

_backoff: Final = wait_random_exponential(multiplier=0.5, max=MAX_BACKOFF_SECONDS)


class RetryPolicy:
    """The retry policy of one request.

    If the API names a wait (`Retry-After`), that wait is kept. Otherwise waits grow exponentially,
    with jitter, so that the scans of a run and the runs of many machines do not retry all at once.
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
        """Prepare the attempts of one request.

        Args:
            max_api_wait: How many seconds in total a busy API may delay this request.
            attempts: The maximum number of attempts if the connection fails.
            sleep: Waits for the given seconds.
            pause_all: Makes all requests wait for the given seconds.
            on_retry: Called before each retry.
            on_wait: Called before each wait, with its seconds.
        """
        self._max_api_wait = max_api_wait
        self._attempts = attempts
        self._pause_all = pause_all
        self._on_retry = on_retry
        self._on_wait = on_wait
        self._seen: Counter[type[RetryableError]] = Counter()
        self._paused = 0.0
        self._retrying = Retrying(
            retry=retry_if_exception_type(RetryableError),
            wait=self._wait,
            stop=self._gives_up,
            before_sleep=self._before_sleep,
            sleep=sleep,
            reraise=True,
        )

    def call(self, attempt: Callable[[], T]) -> T:
        """Call `attempt` until it returns; raise its error if it may not be retried any more."""
        try:
            return self._retrying(attempt)
        except RetryableError as failure:
            raise failure.error from None

    def _wait(self, state: RetryCallState) -> float:
        failure = _failure_of(state)
        self._seen[type(failure)] += 1
        if not isinstance(failure, ServerBusy):
            return _backoff(state)
        retry_after = failure.retry_after
        pause = max(MIN_PAUSE_SECONDS, _backoff(state) if retry_after is None else retry_after)
        self._paused += pause
        return pause

    def _gives_up(self, state: RetryCallState) -> bool:
        failure = _failure_of(state)
        most = self._attempts if isinstance(failure, ConnectionBroken) else failure.attempts
        return self._seen[type(failure)] >= most or self._paused > self._max_api_wait

    def _before_sleep(self, state: RetryCallState) -> None:
        failure, wait = _failure_of(state), state.upcoming_sleep
        self._on_retry()
        self._on_wait(wait)
        if isinstance(failure, ServerBusy) and failure.shared:
            self._pause_all(wait)


def _failure_of(state: RetryCallState) -> RetryableError:
    failure = state.outcome.exception() if state.outcome else None
    if not isinstance(failure, RetryableError):
        raise AssertionError("only a RetryableError is retried")  # noqa: TRY004
    return failure
