"""At which rate the API lets requests through, learned from its refusals. Pure but for its memory.

Nobody documents the rate, and it changes with what else an account does. So nothing is held back
until a request is refused (429). What got through before, pauses included, is the rate then; it is
approached from below, kept for a while, and probed for more the longer it holds.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

MIN_ANSWERS: Final = 16
"""Fewer good answers than that say nothing about a rate."""
WINDOW_SECONDS: Final = 10.0
"""How far back good answers are counted."""
CAUTION: Final = 0.97
"""The share of the measured rate to go on with."""
PROBING: Final = 0.0005
"""Growth of that share with the square of the seconds: 1 after 8 s, 1.2 after 20 s."""
SHARE_OF_NO_USE: Final = 0.1
"""Where so many are still refused at a rate that was let through, the rate is not the reason."""
SECONDS_OF_NO_USE: Final = 60.0
"""How long nothing is held back then."""


class RateEstimator:
    """Learns a rate, in requests a second. Times are seconds of a monotonic clock."""

    def __init__(self, cap: float | None = None) -> None:
        """Begin without a pace of its own; `cap`, in requests a second, is never exceeded."""
        self._cap = cap or math.inf
        self._learned = math.inf
        self._learned_at = -math.inf
        self._useless_until = -math.inf
        self._useless = 0
        self._passed: deque[float] = deque()
        self._refused = 0

    def interval(self, now: float) -> float:
        """How many seconds should lie between two requests; 0 if nothing is held back."""
        return 1 / min(self._cap, self._rate(now))

    def passed(self, now: float) -> None:
        """Note a good answer."""
        self._passed.append(now)
        while self._passed[0] < now - WINDOW_SECONDS:
            self._passed.popleft()

    def refused(self, now: float) -> None:
        """Note a refusal, once for a burst of them."""
        self._refused += 1
        if len(self._passed) < MIN_ANSWERS or now < self._useless_until:
            return
        self._judge_use()
        if self._useless > 1:
            self._give_up(now)
        else:
            self._learn(now)
        self._passed.clear()
        self._refused = 0

    def _rate(self, now: float) -> float:
        if self._learned == math.inf:
            return math.inf
        return self._learned * (CAUTION + PROBING * (now - self._learned_at) ** 2)

    def _judge_use(self) -> None:
        share = self._refused / (self._refused + len(self._passed))
        paced = self._learned < math.inf
        self._useless = self._useless + 1 if paced and share > SHARE_OF_NO_USE else 0

    def _learn(self, now: float) -> None:
        since = max(self._learned_at, self._passed[0])
        self._learned = min(self._rate(now), len(self._passed) / max(now - since, 1e-3))
        self._learned_at = now

    def _give_up(self, now: float) -> None:
        self._learned = math.inf
        self._useless = 0
        self._useless_until = now + SECONDS_OF_NO_USE
