"""The one throttle that every request of a run passes: how many at once, how fast, and when not at all.

Shared by the scans of all channels, whatever thread they run on. After a refusal (429) nobody
passes until the time that the API named is over, and half as many may be under way; every answer
after that raises the number again, by one for each full round. Requests then start at the rate that
was let through, see `pace`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from comms_source.api.rate_estimator import RateEstimator


class Throttle:
    """Bounded concurrency, an optional rate, and shared pauses. Safe for threads."""

    def __init__(
        self,
        *,
        concurrency: int,
        requests_per_second: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        on_wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Make a throttle that lets `concurrency` requests be under way at once.

        Args:
            concurrency: The most requests under way at any time, 1 or more.
            requests_per_second: How many requests may start in a second; None for no cap.
            clock: A monotonic clock in seconds.
            sleep: Waits for some seconds; by default ends early when the throttle is closed.
            on_wait: Told, in seconds, of each wait that a pause or the rate imposes.
        """
        self._most = concurrency
        self._allowed = float(concurrency)
        self._under_way = 0
        self._pace = RateEstimator(requests_per_second)
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
        """How many requests may be under way now."""
        return max(1, int(self._allowed))

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Hold one of the places for the length of a request; wait for it first.

        Raises:
            BaseException: what the throttle was closed with, if it is or gets closed.
        """
        self._enter()
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify()

    def back_off(self, seconds: float) -> None:
        """Let nobody pass for `seconds`; halve the concurrency, once for a burst of refusals."""
        with self._changed:
            now = self._clock()
            if now >= self._resume_at:
                self._allowed = max(1.0, self._allowed / 2)
                self._pace.refused(now)
            self._resume_at = max(self._resume_at, now + seconds)

    def recover(self) -> None:
        """Note a good answer: one more place after each full round of them."""
        with self._changed:
            self._pace.passed(self._clock())
            self._allowed = min(float(self._most), self._allowed + 1 / self._allowed)
            self._changed.notify()

    def rest(self, seconds: float) -> None:
        """Wait for `seconds`, or until the throttle is closed."""
        self._sleep(seconds)

    def close(self, reason: BaseException) -> None:
        """Let nobody pass ever again: who waits, or comes, gets `reason` raised."""
        with self._changed:
            self._closed_by = self._closed_by or reason
            self._closed.set()
            self._changed.notify_all()

    def _enter(self) -> None:
        while (delay := self._try_to_enter()) > 0:
            self._on_wait(delay)
            self._sleep(delay)

    def _try_to_enter(self) -> float:
        """Take a place and return 0, or return how many seconds to wait before the next try."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed_by or self._under_way < self.allowed)
            if self._closed_by:
                raise self._closed_by
            now = self._clock()
            delay = max(self._resume_at, self._next_start) - now
            if delay > 0:
                return delay
            self._under_way += 1
            self._next_start = now + self._pace.interval(now)
            return 0.0
