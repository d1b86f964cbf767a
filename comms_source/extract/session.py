"""What the channels of one run share: settings, one `now`, one stats, one throttle, one client.

Clients may follow one another, as when a run commits in parts; they share the access token too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

import httpx

from comms_source.api.allowed_range import AllowedRange
from comms_source.api.authorization import Authorization, authorization_for
from comms_source.api.client import CommsClient
from comms_source.api.responses import Reply
from comms_source.api.throttle import Throttle
from comms_source.config.settings import Settings
from comms_source.coverage.channel_coverage import MAX_CLOCK_SKEW
from comms_source.errors import ClockSkewed
from comms_source.extract.run_stats import RunStats
from comms_source.timespans import SECOND, align_down, utc_now


@dataclass(kw_only=True)
class Session:
    """One run's shared things. Making one touches neither the network nor a file."""

    settings: Settings
    clock: Callable[[], datetime] = utc_now
    stats: RunStats = field(default_factory=RunStats)
    transport: httpx.BaseTransport | None = None
    """Carries the requests; by default a connection pool of the HTTP library."""
    ticks: Callable[[], float] = time.monotonic
    """A monotonic clock in seconds, by which requests wait."""
    sleep: Callable[[float], object] | None = None
    """How to wait for some seconds; by default ends early when the run is stopped."""
    is_corrected: bool = False
    """Whether the clock is this machine's, set right by the API's."""
    bears_skew: bool = False
    """Whether to go on where this machine's clock is not the API's."""

    def __post_init__(self) -> None:
        self._throttle = Throttle(
            concurrency=self.settings.concurrency,
            requests_per_second=self.settings.requests_per_second,
            clock=self.ticks,
            sleep=self.sleep,
            on_wait=self.stats.count_wait,
        )
        self.allowed = AllowedRange(retention=self.settings.retention, clock=self.clock)
        self._client: CommsClient | None = None
        self._api_time: datetime | None = None
        self.is_clock_confirmed = False
        """Whether the API has said its time in this run, and this machine's clock is the same."""
        self._users = 0
        self._learned: dict[str, frozenset[str]] = {}
        self._lock = threading.Lock()

    @cached_property
    def now(self) -> datetime:
        """The one instant that this run calls now: when it was first asked for.

        Not when the session was made, since a scheduler may build a source long before it runs.
        In whole seconds, as scans begin and end.
        """
        return align_down(self.clock(), SECOND)

    @cached_property
    def _authorization(self) -> Authorization:
        return authorization_for(self.settings, clock=self.clock, transport=self.transport)

    @property
    def api_time(self) -> datetime | None:
        """A time that the API's clock has passed, the latest that is known; None before any."""
        return self._api_time

    def saw(self, instant: datetime) -> None:
        """Note that the API's clock has passed `instant`."""
        with self._lock:
            self._api_time = max(instant, self._api_time or instant)

    def learn(self, channel: str, counters: frozenset[str]) -> None:
        """Have pages of the channel read fast that have these counters beside the documented."""
        with self._lock:
            self._learned[channel] = self.learned(channel) | counters

    def learned(self, channel: str) -> frozenset[str]:
        """The counters that were learned, as the API spells them."""
        return self._learned.get(channel, frozenset())

    def compare_clocks(self, sent_at: datetime, reply: Reply) -> None:
        """Compare this machine's clock with the API's, which answered after `sent_at`.

        Raises:
            ClockSkewed: if they differ by more than `MAX_CLOCK_SKEW`.
        """
        api_time = reply.api_time
        if api_time is None:
            return
        # Between sending and receiving any time is right: an answer may take long.
        is_right = sent_at - MAX_CLOCK_SKEW <= api_time <= reply.received_at + MAX_CLOCK_SKEW
        if not is_right and not self.bears_skew:
            raise ClockSkewed(reply.received_at - api_time)
        self.is_clock_confirmed = True
        self.saw(api_time)

    def corrected(self, skew: timedelta) -> Session:
        """The same session by the API's clock, to start over with."""
        clock = self.clock
        self.stats.start_over()
        return replace(self, clock=lambda: clock() - skew, is_corrected=True)

    @contextmanager
    def connected(self) -> Iterator[CommsClient]:
        """The client, shared by all who are connected; the last to leave closes its connections."""
        client = self._join()
        try:
            yield client
        finally:
            self._leave()

    def _join(self) -> CommsClient:
        with self._lock:
            self._users += 1
            if self._client is None:
                self._client = CommsClient(
                    settings=self.settings,
                    authorization=self._authorization,
                    throttle=self._throttle,
                    meter=self.stats,
                    clock=self.clock,
                    on_reply=self.compare_clocks,
                    learned=self.learned,
                    transport=self.transport,
                )
            return self._client

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._client is not None and not self._users:
                self._client.close()
                self._client = None
