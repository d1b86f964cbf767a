"""The deadlines in `sync_health`, compared with those of the coverage."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Final

import pytest

from comms_source.coverage.channel_coverage import ChannelCoverage, ScanResult
from comms_source.coverage.policy import Retained
from comms_source.timespans import Span
from tests.views.view_tables import NOW, Record, records, warehouse
from tests.views.view_worlds import DAY, HOUR, TICK, World, put_world

KEPT: Final = Retained(retention=7 * DAY, window=HOUR)
MINUTE: Final = timedelta(minutes=1)


class Account:
    """An account whose runs are more or less complete, with its coverage and gaps."""

    def __init__(self, name: str, chance: random.Random) -> None:
        """Simulate runs up to now."""
        self.name = name
        self.coverage = ChannelCoverage()
        self.rows: dict[datetime, Record] = {}
        self.gaps: list[Record] = []
        self._chance = chance
        now = NOW - chance.randint(1, 40) * DAY
        self._run(now, reach=1)
        while (now := now + chance.choice((HOUR, 5 * HOUR, DAY, 3 * DAY, 9 * DAY))) < NOW:
            self._run(now, reach=chance.choice((0, 0.5, 0.9, 1)))
        self.expire(NOW)

    def expire(self, now: datetime) -> None:
        """Record gaps for what the API has forgotten."""
        gaps = self.coverage.expire(now=now, kept=KEPT)
        self.gaps += [self._mine(gap_start=gap.start, gap_end=gap.end) for gap in gaps]

    def _run(self, now: datetime, *, reach: float) -> None:
        """A run with scans of a few hours each; only some of them are complete."""
        self.expire(now)
        within = Span(now - KEPT.retention, now)
        start = within.start
        while start < now:
            end = min(now, start + self._chance.randint(1, 30) * HOUR)
            if self._chance.random() < reach:
                self._read(Span(start, end), within, now)
            start = end

    def _read(self, span: Span, within: Span, now: datetime) -> None:
        """A scan with rows in some hours."""
        hours = [span.start + n * HOUR for n in range((span.end - span.start) // HOUR)]
        rows = {hour: 1 for hour in hours if self._chance.random() < 0.3}
        reading = ScanResult(span, now, now + MINUTE, rows)
        for start in self.coverage.note(reading, within=within, kept=KEPT):
            read = self.coverage.windows[start]
            self.rows[start] = self._mine(
                window_start=start,
                window_end=start + KEPT.window,
                read_at=read.read_at,
                rows_read=read.rows,
                is_complete=read.complete,
            )

    def _mine(self, **columns: object) -> Record:
        return {"account": self.name, "channel": "emails", **columns}


def test_deadlines_are_those_of_the_coverage() -> None:
    """For accounts with gaps and unread windows, the view has the deadlines of the coverage."""
    chance = random.Random(6)
    accounts = [Account(f"account-{number}", chance) for number in range(60)]
    assert any(account.gaps for account in accounts)
    world = World(
        coverage=[row for account in accounts for row in account.rows.values()],
        gaps=[row for account in accounts for row in account.gaps],
    )
    with warehouse() as db:
        put_world(db, world)
        rows = records(db, "select * from comms.sync_health")
    deadlines = {each.name: each.coverage.deadline(now=NOW, kept=KEPT) for each in accounts}
    freezing = {each.name: each.coverage.freezes_at(now=NOW, kept=KEPT) for each in accounts}
    for column, expected in (("hours_to_deadline", deadlines), ("hours_to_freeze", freezing)):
        found = {row["account"]: row[column] for row in rows}
        assert found == {name: hours_to(expected[name]) for name in found}
        assert len(set(found.values())) > 10
        assert {name for name, instant in expected.items() if instant} <= found.keys()


def hours_to(instant: datetime | None) -> float | None:
    """The hours from now to an instant."""
    return None if instant is None else (instant - NOW) / HOUR


def window(start: datetime, end: datetime, *, read_at: datetime, rows: int = 1) -> Record:
    """A window that was read completely."""
    return {
        "account": "acme",
        "channel": "emails",
        "window_start": start,
        "window_end": end,
        "read_at": read_at,
        "rows_read": rows,
        "is_complete": True,
    }


def health(*coverage: Record) -> Record:
    """The health of the channel with these windows."""
    with warehouse() as db:
        put_world(db, World(coverage=coverage))
        (row,) = records(db, "select * from comms.sync_health")
    return row


def test_a_long_pause_is_past_the_deadline() -> None:
    """After eight days without a run a day is lost, and the view shows it before the next run."""
    start = NOW - 10 * DAY
    row = health(window(start, start + 2 * DAY, read_at=start))
    assert (row["complete_up_to"], row["hours_to_deadline"]) == (NOW - 8 * DAY, -24)


@pytest.mark.parametrize(
    ("length", "last_chance"), [(HOUR, HOUR + 6 * DAY), (3 * DAY, 12 * HOUR + 6 * DAY)]
)
def test_figures_freeze_if_not_read_again(length: timedelta, last_chance: timedelta) -> None:
    """Unless the window is read in the last day of its operations; for a long one, half a day."""
    start = NOW - 6 * DAY - 13 * HOUR
    again, early = start + last_chance, start + last_chance - TICK
    assert health(window(start, start + length, read_at=again))["hours_to_freeze"] is None
    assert health(window(start, start + length, read_at=early))["hours_to_freeze"] == 11
    assert health(window(start, start + length, read_at=start, rows=0))["hours_to_freeze"] is None
