"""The sandbox's own clock, which can be set."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that can be set, advanced and stopped. Thread-safe."""

    def __init__(self, now: datetime | None = None, *, frozen: bool | None = None) -> None:
        """Begin at `now`, an aware datetime, or at the real time.

        Args:
            now: The time to begin at.
            frozen: Whether time stands still; by default it does if `now` is given.
        """
        self._lock = threading.Lock()
        self.frozen = frozen if frozen is not None else now is not None
        self.set(now or datetime.now(UTC))

    def now(self) -> datetime:
        """The sandbox's time, in UTC."""
        with self._lock:
            passed = 0.0 if self.frozen else time.monotonic() - self._set_at
            return self._base + timedelta(seconds=passed)

    def set(self, now: datetime) -> None:
        """Set the time."""
        if now.tzinfo is None:
            raise ValueError("the clock needs a time with a zone")
        with self._lock:
            self._base, self._set_at = now.astimezone(UTC), time.monotonic()

    def advance(self, by: timedelta) -> None:
        """Advance the time by `by`."""
        self.set(self.now() + by)
