"""The deadline in `sync_health`, against the ledger that decides what is read."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Final

from comms_source.coverage import Ledger, Reading, Retained
from comms_source.windows import Span
from tests.views.view_tables import NOW, Record, records, warehouse
from tests.views.view_worlds import DAY, HOUR, World, put_world

KEPT: Final = Retained(retention=7 * DAY, window=HOUR)
MINUTE: Final = timedelta(minutes=1)


class Account:
    """An account whose runs read it more or less completely; what they leave behind."""

    def __init__(self, name: str, chance: random.Random) -> None:
        """Live up to the present."""
        self.name = name
        self.ledger = Ledger()
        self.coverage: dict[datetime, Record] = {}
        self.gaps: list[Record] = []
        self._chance = chance
        now = NOW - chance.randint(1, 40) * DAY
        self._run(now, reach=1)
        while (now := now + chance.choice((HOUR, 5 * HOUR, DAY, 3 * DAY, 9 * DAY))) < NOW:
            self._run(now, reach=chance.choice((0, 0.5, 0.9, 1)))
        self.expire(NOW)

    def expire(self, now: datetime) -> None:
        """Account for what the API has forgotten."""
        gaps = self.ledger.expire(now=now, kept=KEPT)
        self.gaps += [self._mine(gap_start=gap.start, gap_end=gap.end) for gap in gaps]

    def _run(self, now: datetime, *, reach: float) -> None:
        """A run whose walks are of a few hours each; only some of them come to their end."""
        self.expire(now)
        within = Span(now - KEPT.retention, now)
        start = within.start
        while start < now:
            end = min(now, start + self._chance.randint(1, 30) * HOUR)
            if self._chance.random() < reach:
                self._read(Span(start, end), within, now)
            start = end

    def _read(self, span: Span, within: Span, now: datetime) -> None:
        walk = Reading(span, now, now + MINUTE)
        for start in self.ledger.note(walk, within=within, kept=KEPT):
            read = self.ledger.windows[start]
            self.coverage[start] = self._mine(
                window_start=start,
                window_end=start + KEPT.window,
                read_at=read.read_at,
                is_complete=read.complete,
            )

    def _mine(self, **columns: object) -> Record:
        return {"account": self.name, "channel": "emails", **columns}


def test_that_the_deadline_is_that_of_the_ledger() -> None:
    """After any life of an account, with gaps and holes, view and ledger name one deadline."""
    chance = random.Random(6)
    accounts = [Account(f"account-{number}", chance) for number in range(60)]
    assert any(account.gaps for account in accounts)
    world = World(
        coverage=[row for account in accounts for row in account.coverage.values()],
        gaps=[row for account in accounts for row in account.gaps],
    )
    with warehouse() as db:
        put_world(db, world)
        rows = records(db, "select account, hours_to_deadline from comms.sync_health")
    found = {row["account"]: row["hours_to_deadline"] for row in rows}
    expected = {a.name: a.ledger.deadline(now=NOW, kept=KEPT) for a in accounts}
    assert found == {
        name: (deadline - NOW) / HOUR for name, deadline in expected.items() if deadline
    }
    assert len(set(found.values())) > 20


def test_that_nothing_read_for_long_is_past_the_deadline() -> None:
    """Where no run came for eight days, a day is lost, and the view says so before the next run."""
    start = NOW - 10 * DAY
    row = {"account": "acme", "channel": "emails", "read_at": start, "is_complete": True}
    window = row | {"window_start": start, "window_end": start + 2 * DAY}
    with warehouse() as db:
        put_world(db, World(coverage=[window]))
        (health,) = records(db, "select * from comms.sync_health")
    assert (health["complete_up_to"], health["hours_to_deadline"]) == (NOW - 8 * DAY, -24)
