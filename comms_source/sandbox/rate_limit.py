"""A server-side rate limit."""

from __future__ import annotations

import threading
import time


class TokenBucket:
    """Limits the number of requests per second of real time. Thread-safe."""

    def __init__(self, rate: float | None) -> None:
        """Allow `rate` requests per second, or any number if it is None."""
        self._rate = rate
        self._size = max(rate or 0.0, 1.0)
        self._tokens = self._size
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> float:
        """0 if a request is allowed, otherwise the number of seconds until the next one is."""
        if self._rate is None:
            return 0.0
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
            self._at = now
            if self._tokens < 1:
                return (1 - self._tokens) / self._rate
            self._tokens -= 1
            return 0.0
