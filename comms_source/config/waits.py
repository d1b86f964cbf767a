"""How long a run waits for other programs: the settings `max_lock_wait` and `max_load_wait`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import dlt

from comms_source.config.resolve import SECTIONS, checked
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


def max_lock_wait() -> float:
    """How many seconds to retry while another program has the DuckDB file locked.

    Raises:
        ConfigurationError: if the setting is not a duration.
    """
    return _seconds("max_lock_wait", _setting("max_lock_wait", MAX_LOCK_WAIT))


def load_deadline() -> Deadline:
    """When to stop waiting for other loads, or for readers of a table that a load has to change.

    Raises:
        ConfigurationError: if the setting is not a duration.
    """
    allowed = _setting("max_load_wait", MAX_LOAD_WAIT)
    return Deadline(time.monotonic() + _seconds("max_load_wait", allowed), allowed)


def _setting(name: str, default: str) -> str:
    return dlt.config.get(".".join((*SECTIONS, name)), str) or default


def _seconds(name: str, value: str) -> float:
    return checked(name, parse_duration, value).total_seconds()
