"""The figures of a channel: today, yesterday, the last seven days, and what of them may move. Pure.

Volumes count all operations. Shares of the last seven days are taken of operations that can no
longer change, so that a young day does not look like a bad one, as long as at least half of the
week is settled. Before that they are taken of all, and marked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from comms_source.report.calendar import DAYS, WEEK
from comms_source.report.facts import ChannelFacts, DaySums, Made
from comms_source.report.sums import Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """The seven days before today against the seven before them."""

    first: date
    last: date
    all: Sums
    settled: Sums
    all_before: Sums
    settled_before: Sums

    @property
    def is_settled(self) -> bool:
        """Whether at least half of the operations can no longer change."""
        return 2 * self.settled.operations >= self.all.operations > 0

    @property
    def shown(self) -> Sums:
        """What shares are taken of."""
        return self.settled if self.is_settled else self.all

    @property
    def compared(self) -> Sums:
        """What shares are compared with; nothing as long as the week is not settled."""
        return self.settled_before if self.is_settled else Sums()


@dataclass(frozen=True, slots=True, kw_only=True)
class YoungDay:
    """A day whose figures may still move; the day is None for all that are too old to be named."""

    day: date | None
    operations: int
    moving: int
    """How many of them can still change."""
    in_flight: int | None
    final_at: datetime | None
    """When the API has forgotten the last of them; None once it has, and some are open."""


def week_of(facts: ChannelFacts, made: Made) -> Week:
    """The last seven days, today not among them."""
    last, before = range(1, WEEK + 1), range(WEEK + 1, 2 * WEEK + 1)
    return Week(
        first=made.today - timedelta(days=WEEK),
        last=made.today - timedelta(days=1),
        all=_sum(day.all for day in _days(facts, last)),
        settled=_sum(day.settled for day in _days(facts, last)),
        all_before=_sum(day.all for day in _days(facts, before)),
        settled_before=_sum(day.settled for day in _days(facts, before)),
    )


def day_of(facts: ChannelFacts, days_ago: int) -> DaySums:
    """One day; 0 is today."""
    return facts.days.get(days_ago, DaySums())


def dated_days(facts: ChannelFacts, made: Made) -> list[tuple[date, DaySums]]:
    """The days that are shown one by one, the oldest first, from the first with an operation on."""
    oldest = max(facts.days, default=-1)
    if facts.stored > sum(day.all.operations for day in facts.days.values()):
        oldest = DAYS
    return [(made.today - timedelta(days=ago), day_of(facts, ago)) for ago in range(oldest, -1, -1)]


def young_days(facts: ChannelFacts, made: Made) -> list[YoungDay]:
    """The days whose figures may still move, the latest first."""
    young = [
        YoungDay(
            day=made.today - timedelta(days=ago),
            operations=day.all.operations,
            moving=day.moving.operations,
            in_flight=day.moving.in_flight,
            final_at=_final(day.newest_moving, made),
        )
        for ago, day in sorted(facts.days.items())
        if day.moving.operations
    ]
    return [*young, *_older(facts, made)]


def _older(facts: ChannelFacts, made: Made) -> Iterable[YoungDay]:
    if facts.older:
        yield YoungDay(
            day=None,
            operations=facts.stored - sum(day.all.operations for day in facts.days.values()),
            moving=facts.older.moving,
            in_flight=facts.older.in_flight,
            final_at=_final(facts.older.newest, made),
        )


def _final(newest: datetime | None, made: Made) -> datetime | None:
    """When the API has forgotten what was created then; None if it has."""
    at = newest and newest + made.retention
    return at if at and at > made.at else None


def _days(facts: ChannelFacts, ago: range) -> Iterable[DaySums]:
    return (facts.days[number] for number in ago if number in facts.days)


def _sum(several: Iterable[Sums]) -> Sums:
    return sum(several, Sums())
