"""A limit on the requests in a second, as a server keeps it."""

from __future__ import annotations

import threading
import time


class TokenBucket:
    """Lets so many requests through in a second of real time. Safe for threads."""

    def __init__(self, rate: float | None) -> None:
        """Let `rate` requests a second through, or all of them if it is None."""
        self._rate = rate
        self._size = max(rate or 0.0, 1.0)
        self._tokens = self._size
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> float:
        """0 if a request may pass, else in how many seconds the next one may."""
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
