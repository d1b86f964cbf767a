"""The throttle of a run: it limits concurrency and rate, and pauses all requests when needed.

The scans of all channels and threads share it. After a refusal (429) no request starts until the
wait that the API named is over, and the concurrency is halved. Successful responses raise it again,
by one for each full round. Requests then start at the rate that `rate_estimator` estimates.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from comms_source.api.rate_estimator import RateEstimator


class Throttle:
    """Limited concurrency, an optional rate limit, and shared pauses. Thread-safe."""

    def __init__(
        self,
        *,
        concurrency: int,
        requests_per_second: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        on_wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Create a throttle that allows `concurrency` requests at once.

        Args:
            concurrency: The maximum number of requests in progress, 1 or more.
            requests_per_second: How many requests may start per second; None for no limit.
            clock: A monotonic clock in seconds.
            sleep: Waits for the given seconds; the default returns early when the throttle closes.
            on_wait: Called before each wait for a pause or the rate, with its seconds.
        """
        self._most = concurrency
        self._allowed = float(concurrency)
        self._in_progress = 0
        self._estimator = RateEstimator(requests_per_second)
        self._next_start = 0.0
        self._resume_at = 0.0
        self._closed_by: BaseException | None = None
        self._closed = threading.Event()
        self._changed = threading.Condition()
        self._clock = clock
        self._sleep = sleep or self._closed.wait
        self._on_wait = on_wait

    @property
    def allowed(self) -> int:
        """How many requests may be in progress now."""
        return max(1, int(self._allowed))

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a slot, and hold it for the length of a request.

        Raises:
            BaseException: the reason the throttle was closed with, if it is or gets closed.
        """
        self._enter()
        try:
            yield
        finally:
            with self._changed:
                self._in_progress -= 1
                self._changed.notify()

    def back_off(self, seconds: float) -> None:
        """Start no request for `seconds`; halve the concurrency, once per burst of refusals."""
        with self._changed:
            now = self._clock()
            if now >= self._resume_at:
                self._allowed = max(1.0, self._allowed / 2)
                self._estimator.refused(now)
            self._resume_at = max(self._resume_at, now + seconds)

    def recover(self) -> None:
        """Note a successful response: one more slot after each full round of them."""
        with self._changed:
            self._estimator.passed(self._clock())
            self._allowed = min(float(self._most), self._allowed + 1 / self._allowed)
            self._changed.notify()

    def rest(self, seconds: float) -> None:
        """Wait for `seconds`, or until the throttle is closed."""
        self._sleep(seconds)

    @property
    def closed_by(self) -> BaseException | None:
        """The reason it was closed with; None while it is open."""
        return self._closed_by

    def close(self, reason: BaseException) -> None:
        """Start no request any more: waiting and later requests raise `reason`."""
        with self._changed:
            self._closed_by = self._closed_by or reason
            self._closed.set()
            self._changed.notify_all()

    def _enter(self) -> None:
        while (delay := self._try_to_enter()) > 0:
            self._on_wait(delay)
            self._sleep(delay)

    def _try_to_enter(self) -> float:
        """Take a slot and return 0, or return how many seconds to wait before the next try."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed_by or self._in_progress < self.allowed)
            if self._closed_by:
                raise self._closed_by
            now = self._clock()
            delay = max(self._resume_at, self._next_start) - now
            if delay > 0:
                return delay
            self._in_progress += 1
            self._next_start = now + self._estimator.interval(now)
            return 0.0
