"""Lanes: runs that read and load side by side, each in its own, on one destination. Pure.

A lane has a dlt pipeline of its own, and with it a state, a working folder and a staging dataset.
What two lanes load is never the same: one account's channel, or a range of it. A run without a
lane reads all channels of an account in one load package, which takes less time in all; it and the
lane of an account's channel keep out of each other's way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from comms_source.timespans import Span, to_iso

MARK: Final = "__"
"""Stands between the name of the pipeline without a lane and the name of the lane."""
MAIN: Final = "run"
"""What runs without a lane have claimed while they are at work."""
MOST_LETTERS: Final = 36
"""Of a lane's name that people can read; PostgreSQL cuts names after 63."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One account's channel, or what was created there in a range."""

    account: str
    channel: str
    span: Span | None = None
    """The range of a backfill; None for a load."""

    @property
    def name(self) -> str:
        """Unlike that of any other lane, in small letters, digits and underscores."""
        times = [to_iso(self.span.start), to_iso(self.span.end)] if self.span else []
        words = [self.account, self.channel, *times]
        readable = re.sub("[^a-z0-9]+", "_", "_".join(words).lower())[:MOST_LETTERS].strip("_")
        return f"{readable}_{_digest(words)}"

    @property
    def staging(self) -> str:
        """Names the staging dataset; `%s` stands for the dataset."""
        return f"%s_staging_{self.name.rpartition('_')[2]}"


def pipeline_name(base: str, lane: Lane | None) -> str:
    """The name of the pipeline of a lane, or of the one without a lane."""
    return base if lane is None else f"{base}{MARK}{lane.name}"


def base_name(pipeline: str) -> str:
    """The name of the pipeline without a lane, from that of any."""
    return pipeline.partition(MARK)[0]


def in_lane(pipeline: str) -> bool:
    """Whether a pipeline of this name is that of a lane."""
    return MARK in pipeline


def claims(pipeline: str, *, account: str, channels: Sequence[str]) -> list[str]:
    """What a run of `pipeline` must have for itself, in the order in which to take it.

    Args:
        pipeline: The name of the run's pipeline, of a lane or not.
        account: Whose operations it loads.
        channels: The channels of which it may load any operation; none for a range of a lane.
    """
    own = pipeline.partition(MARK)[2] or MAIN
    return [own, *sorted({Lane(account=account, channel=name).name for name in channels} - {own})]


def _digest(words: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:8]
