"""What the channels of one run share: settings, one `now`, one journal, one gate, one client."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from comms_source.client import CommsClient
from comms_source.gate import Gate
from comms_source.journal import Journal
from comms_source.settings import Settings

UNSET: Final = datetime.min.replace(tzinfo=UTC)


def utc_now() -> datetime:
    """The time on this machine's clock."""
    return datetime.now(UTC)


@dataclass(kw_only=True)
class Session:
    """One run's shared things. Making one touches neither the network nor a file."""

    settings: Settings
    clock: Callable[[], datetime] = utc_now
    now: datetime = UNSET
    """The one instant that a run calls now; by default, when the session was made."""
    journal: Journal = field(default_factory=Journal)
    _client: CommsClient | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        if self.now is UNSET:
            self.now = self.clock()

    @property
    def client(self) -> CommsClient:
        """The client, opened when first asked for and shared by all threads."""
        with self._lock:
            self._client = self._client or self._open_client()
            return self._client

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        with self._lock:
            if self._client:
                self._client.close()
            self._client = None

    def _open_client(self) -> CommsClient:
        settings = self.settings
        gate = Gate(
            concurrency=settings.concurrency,
            requests_per_second=settings.requests_per_second,
            on_wait=self.journal.count_wait,
        )
        return CommsClient(settings=settings, gate=gate, journal=self.journal, clock=self.clock)
