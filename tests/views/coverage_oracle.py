"""The expected covered share of a period of creation time, in plain Python."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Final

from tests.views.sums import grouped
from tests.views.view_oracle import Oracle, Pair
from tests.views.view_tables import Record

NOTHING: Final = timedelta(0)


class Covered:
    """The spans that were read, by account and channel."""

    def __init__(self, oracle: Oracle) -> None:
        """Use the coverage of an oracle."""
        self._oracle = oracle

    @cached_property
    def _spans(self) -> dict[Pair, list[tuple[datetime, datetime]]]:
        groups = grouped(self._oracle.world.coverage, "account", "channel")
        return {
            (account, channel): list(_covered_spans(rows))
            for (account, channel), rows in groups.items()
        }

    def share(self, pair: Pair, start: datetime, end: datetime) -> Fraction | None:
        """The share of a period, up to now, that was read."""
        end = min(end, self._oracle.now)
        if end <= start:
            return None
        spans = self._spans.get(pair, [])
        covered = sum((_overlap(span, start, end) for span in spans), NOTHING)
        return min(Fraction(1), _fraction(covered, end - start))

    def share_of_local(self, pair: Pair, start: datetime, end: datetime) -> float | None:
        """The share of a period whose start and end are local times."""
        share = self.share(pair, self._oracle.instant(start), self._oracle.instant(end))
        return None if share is None else float(share)


def _covered_spans(rows: Iterable[Record]) -> Iterable[tuple[datetime, datetime]]:
    """The covered part of each window: all of a complete one, else the part up to its reading."""
    for row in rows:
        if row["is_complete"]:
            yield row["window_start"], row["window_end"]
        elif row["read_at"] < row["window_end"] + timedelta(minutes=1):
            yield row["window_start"], min(row["read_at"], row["window_end"])


def _overlap(span: tuple[datetime, datetime], start: datetime, end: datetime) -> timedelta:
    return max(NOTHING, min(span[1], end) - max(span[0], start))


def _fraction(part: timedelta, whole: timedelta) -> Fraction:
    tick = timedelta(microseconds=1)
    return Fraction(part // tick, whole // tick)
