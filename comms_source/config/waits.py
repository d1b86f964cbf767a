"""How long a run waits for others, as the settings `max_lock_wait` and `max_load_wait` say."""

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
    """The moment at which a wait is given up."""

    moment: float
    """By the monotonic clock."""
    allowed: str
    """The length of the wait, as the setting has it."""

    @property
    def left(self) -> float:
        """The seconds until then; 0 once it has passed."""
        return max(0.0, self.moment - time.monotonic())


def max_lock_wait() -> float:
    """For how many seconds to try again while another program holds the DuckDB file.

    Raises:
        ConfigurationError: if the setting is no length of time.
    """
    return _seconds("max_lock_wait", _setting("max_lock_wait", MAX_LOCK_WAIT))


def load_deadline() -> Deadline:
    """When to give up a wait for other loads, or for readers of what a load has to change.

    Raises:
        ConfigurationError: if the setting is no length of time.
    """
    allowed = _setting("max_load_wait", MAX_LOAD_WAIT)
    return Deadline(time.monotonic() + _seconds("max_load_wait", allowed), allowed)


def _setting(name: str, default: str) -> str:
    return dlt.config.get(".".join((*SECTIONS, name)), str) or default


def _seconds(name: str, value: str) -> float:
    return checked(name, parse_duration, value).total_seconds()
