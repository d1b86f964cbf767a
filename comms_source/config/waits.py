"""How long a run waits for other programs: the settings `max_lock_wait` and `max_load_wait`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from comms_source.config.explain import checked
from comms_source.config.resolve import read_shared
from comms_source.timespans import parse_duration

MAX_LOCK_WAIT: Final = "30 seconds"
MAX_LOAD_WAIT: Final = "1 hour"


@dataclass(frozen=True, slots=True)
class Deadline:
    """When to stop waiting."""

    moment: float
    """By the monotonic clock."""
    allowed: str
    """The length of the wait, as it is written in the setting."""

    @property
    def left(self) -> float:
        """The seconds until then; 0 once it has passed."""
        return max(0.0, self.moment - time.monotonic())


def check_waits() -> None:
    """Check both settings, before anything is read that would then have to wait.

    Raises:
        ConfigurationError: if one of them is not a duration.
    """
    max_lock_wait()
    load_deadline()


def max_lock_wait() -> float:
    """How many seconds to retry while another program has the DuckDB file locked.

    Raises:
        ConfigurationError: if the setting is not a duration.
    """
    return _seconds("max_lock_wait", read_shared("max_lock_wait") or MAX_LOCK_WAIT)


def load_deadline() -> Deadline:
    """When to stop waiting for other loads, or for readers of a table that a load has to change.

    Raises:
        ConfigurationError: if the setting is not a duration.
    """
    allowed = read_shared("max_load_wait") or MAX_LOAD_WAIT
    return Deadline(time.monotonic() + _seconds("max_load_wait", allowed), allowed)


def _seconds(name: str, value: str) -> float:
    return checked(name, parse_duration, value).total_seconds()
