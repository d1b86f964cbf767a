"""Estimates the request rate that the API accepts, from its refusals (429). No I/O, no clock.

The rate limit is not documented, and it depends on what else the account does. So requests are not
slowed down before the first refusal. Then the estimate is the rate of the requests that succeeded
before, pauses included. Requests start slightly below the estimate, and the rate grows faster the
longer no request is refused.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

MIN_ANSWERS: Final = 16
"""How many successful responses an estimate needs at least."""
WINDOW_SECONDS: Final = 10.0
"""How far back successful responses are counted."""
CAUTION: Final = 0.97
"""The share of the estimated rate to continue with."""
PROBING: Final = 0.0005
"""Growth of that share with the square of the seconds: 1 after 8 s, 1.2 after 20 s."""
USELESS_SHARE: Final = 0.1
"""If a larger share is refused at the estimated rate, the rate is not the reason."""
USELESS_SECONDS: Final = 60.0
"""For how long requests are not slowed down then."""


class RateEstimator:
    """Estimates a rate, in requests per second. Times are seconds of a monotonic clock."""

    def __init__(self, cap: float | None = None) -> None:
        """Start without an estimate; `cap`, in requests per second, is never exceeded."""
        self._cap = cap or math.inf
        self._learned = math.inf
        self._learned_at = -math.inf
        self._useless_until = -math.inf
        self._useless = 0
        self._passed: deque[float] = deque()
        self._refused = 0

    def interval(self, now: float) -> float:
        """The seconds between the starts of two requests; 0 if requests are not slowed down."""
        return 1 / min(self._cap, self._rate(now))

    def passed(self, now: float) -> None:
        """Note a successful response."""
        self._passed.append(now)
        while self._passed[0] < now - WINDOW_SECONDS:
            self._passed.popleft()

    def refused(self, now: float) -> None:
        """Note a refusal; to be called once per burst of refusals."""
        self._refused += 1
        if len(self._passed) < MIN_ANSWERS or now < self._useless_until:
            return
        self._check_use()
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

    def _check_use(self) -> None:
        share = self._refused / (self._refused + len(self._passed))
        limited = self._learned < math.inf
        self._useless = self._useless + 1 if limited and share > USELESS_SHARE else 0

    def _learn(self, now: float) -> None:
        since = max(self._learned_at, self._passed[0])
        self._learned = min(self._rate(now), len(self._passed) / max(now - since, 1e-3))
        self._learned_at = now

    def _give_up(self, now: float) -> None:
        self._learned = math.inf
        self._useless = 0
        self._useless_until = now + USELESS_SECONDS
