"""A story to look at: two weeks of an account in which four things went wrong. Pure.

Without trouble, made-up data is even, and a report on it shows little. In the story, each part of a
report has something to show. It is made of settings, faults and loads, so a sandbox that plays it
is as deterministic as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from comms_source.sandbox.faults import Fault
from comms_source.sandbox.settings import SandboxSettings
from comms_source.sandbox.troubles import Trouble

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_AGO: Final = (timedelta(days=13, hours=18), *(days * _DAY for days in range(7, -1, -1)))
"""How long before now each load is."""
_REFUSED: Final = 7 * _DAY
"""How long before now the load is that is refused push notifications."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryLoad:
    """A load, and what goes wrong with the responses that it gets."""

    at: datetime
    faults: Sequence[Fault] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a sandbox plays: its settings, and the loads, the earliest first."""

    settings: SandboxSettings
    loads: Sequence[StoryLoad]


def story(*, now: datetime, operations: int = 2000, seed: int = 1) -> Story:
    """The story that ends at `now`.

    There was one load, then none for a week. The next was refused push notifications. When they
    could be read again a day later, some hours of them had left the API's retention: a gap. From
    then on there was a load a day. About 20 hours before the end, most messages failed for three
    hours; for a day, most emails had no delivery receipt; about 10 hours before the end, messages
    of one hour stopped half-way.

    Args:
        now: When the last load is, an aware datetime.
        operations: Operations a week, of each channel.
        seed: Which of the possible data sets is served.
    """
    refused = Fault(kind="forbidden", channel="push_notifications")
    return Story(
        settings=SandboxSettings(
            seed=seed,
            operations_per_week=operations,
            troubles=_troubles(now),
            # Scheduled operations are found by id when they are sent, after they left the lists.
            fetch_retention=30 * _DAY,
        ),
        loads=[
            StoryLoad(at=now - ago, faults=(refused,) if ago == _REFUSED else ()) for ago in _AGO
        ],
    )


def _troubles(now: datetime) -> tuple[Trouble, ...]:
    hour = now.replace(minute=0, second=0, microsecond=0)

    def trouble(kind: str, channel: str, first: timedelta, last: timedelta, part: float) -> Trouble:
        return Trouble(kind, hour - first, hour - last, channel, part)

    return (
        trouble("failed_up", "messages", 20 * _HOUR, 17 * _HOUR, 0.85),
        trouble("no_receipts", "emails", 28 * _HOUR, 4 * _HOUR, 0.6),
        trouble("stalled", "messages", 10 * _HOUR, 9 * _HOUR, 0.4),
    )
