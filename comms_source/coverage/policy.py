"""The settings that coverage and plans depend on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """How long the API keeps operations, and the width of windows."""

    retention: timedelta
    """How long after its creation an operation is listed."""
    window: timedelta


Refresh = Literal["adaptive", "full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Retained):
    """What a plan depends on, apart from the time and the coverage."""

    parallel: int
    """How many requests may be in progress at once."""
    page_size: int
    refresh: Refresh
    refresh_ratio: float
    """A row is read again before it is staler than this share of its age."""
