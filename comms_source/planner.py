"""Which walks a run takes: a pure function of what it is told, with no clock inside.

For now every run reads its whole range again. What a ledger of earlier reads saves is decided here
and nowhere else: whoever reads takes the walks as they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from comms_source.windows import Span, align_down, clip, windows


@dataclass(frozen=True, slots=True)
class Policy:
    """What a plan depends on beside the time."""

    retention: timedelta
    """How long after its creation the API still lists an operation."""
    window: timedelta
    """The width of a window; walks begin and end at window bounds, or at the range's own."""
    parallel: int
    """How many walks may run at once; a range is cut into as many."""


def retained(*, now: datetime, policy: Policy) -> Span:
    """The creation times that the API still answers for, from a window bound up to `now`."""
    return Span(align_down(now - policy.retention, policy.window), now)


def plan(*, span: Span, policy: Policy) -> list[Span]:
    """Cut `span` at window bounds into at most `policy.parallel` walks of about equal length.

    The walks adjoin, are in order, and together hold exactly the instants of `span`.
    """
    cut = [part for window in windows(span, policy.window) if (part := clip(window, to=span))]
    return [Span(share[0].start, share[-1].end) for share in _shares(cut, policy.parallel)]


def _shares(parts: Sequence[Span], count: int) -> list[Sequence[Span]]:
    count = min(count, len(parts))
    bounds = [len(parts) * k // count for k in range(count + 1)]
    return [parts[a:b] for a, b in pairwise(bounds)]
