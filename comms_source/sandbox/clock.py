"""The clock that everything in the sandbox reads: real, moved, or standing still."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Callable

from comms_source.sandbox import instants


@dataclass(frozen=True, slots=True)
class _Hands:
    """What the clock showed when it was last touched; replaced as a whole, never changed."""

    shown: datetime
    touched: float
    frozen: bool


class Clock:
    """A clock that can be set, advanced, frozen and started again while the sandbox serves.

    Args:
        now: What it shows first; the real time when it is left out.
        frozen: Whether it stands still; by default it does when `now` is given.
        ticks: Where the passing of real time comes from, in seconds.
    """

    def __init__(
        self,
        now: datetime | None = None,
        *,
        frozen: bool | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ticks = ticks
        self._hands = self._touched(
            shown=now or datetime.now(UTC), frozen=now is not None if frozen is None else frozen
        )

    def __repr__(self) -> str:
        return f"Clock({self.now().isoformat()}, {'frozen' if self.frozen else 'running'})"

    @property
    def frozen(self) -> bool:
        """Whether the clock stands still."""
        return self._hands.frozen

    def now(self) -> datetime:
        """The time that the clock shows, in UTC."""
        hands = self._hands
        if hands.frozen:
            return hands.shown
        return hands.shown + timedelta(seconds=self._ticks() - hands.touched)

    def instant(self) -> int:
        """The time that the clock shows, in milliseconds since 1970."""
        return instants.from_datetime(self.now())

    def set(self, now: datetime) -> None:
        """Show another time; a frozen clock stays frozen, a running one runs on from there."""
        self._hands = self._touched(shown=now, frozen=self.frozen)

    def advance(self, by: timedelta) -> None:
        """Move the clock by a span, which may be negative."""
        self.set(self.now() + by)

    def freeze(self) -> None:
        """Stand still."""
        self._hands = self._touched(shown=self.now(), frozen=True)

    def run(self) -> None:
        """Run on from the time shown."""
        self._hands = self._touched(shown=self.now(), frozen=False)

    def _touched(self, *, shown: datetime, frozen: bool) -> _Hands:
        instants.from_datetime(shown)  # refuses a time without a zone
        return _Hands(shown=shown.astimezone(UTC), touched=self._ticks(), frozen=frozen)
