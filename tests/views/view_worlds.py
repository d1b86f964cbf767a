"""Whole warehouses of made-up rows: operations, their histories, and the records beside them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import duckdb

from comms_source.channels import CHANNELS
from comms_source.records import COVERAGE, FOLLOWED, GAPS, REJECTED, RUNS
from comms_source.windows import align_down
from tests.views.view_tables import (
    NOW,
    Counters,
    Operation,
    Record,
    State,
    put,
    put_rows,
    put_states,
)

Key = tuple[str, str]
"""Account and channel."""

TICK: Final = timedelta(microseconds=1)
SECOND: Final = timedelta(seconds=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)

STATUSES: Final = ("SCHEDULED", "PROCESSING", "COMPLETED", "CANCELED", "NEW", None)
NONSENSE: Final = (None, -1, 10**12, 10**12 + 1, 2**63 - 1, -(2**63))
ACCOUNTS: Final = ("acme", "globex", "initech")
EDGES: Final = (timedelta(0), HOUR, DAY, 7 * DAY, 8 * DAY, 14 * DAY, 30 * DAY, 35 * DAY)
"""Ages at which one view or another begins or ceases to count."""
HOURS_LATER: Final = (0, 0.25, 1, 3, 6, 12, 24, 48, 72, 96, 120, 144, 168)
"""When an operation is seen, often; some views ask what was known by then."""
SIZES: Final = (0, 1, 2, 10, 11, 100, 101, 1000, 1001)
"""Recipients of the smallest and of the largest send of a size."""
MIDNIGHTS: Final = (0, 5.5, 18.5, 22, 23)
"""Hours of UTC at which a day begins somewhere."""


class Chance(random.Random):
    """Chance, and the present that it makes things up around."""

    now: datetime = NOW


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """The rows of all tables."""

    operations: Sequence[Operation] = ()
    states: Sequence[State] = ()
    followed: Sequence[Record] = ()
    coverage: Sequence[Record] = ()
    gaps: Sequence[Record] = ()
    runs: Sequence[Record] = ()
    rejected: Sequence[Record] = ()


def put_world(db: duckdb.DuckDBPyConnection, world: World) -> None:
    """Write all rows to their tables."""
    put(db, world.operations)
    put_states(db, world.states)
    for record, rows in (
        (FOLLOWED, world.followed),
        (COVERAGE, world.coverage),
        (GAPS, world.gaps),
        (RUNS, world.runs),
        (REJECTED, world.rejected),
    ):
        put_rows(db, record.table, rows)


def random_world(chance: Chance, operations: int) -> World:
    """A few accounts that use the same ids in all channels, one of them most; and many small ones.

    One more was read, and had nothing.
    """
    ids = [f"op{number:05}" for number in range(max(1, operations // 2))]
    known = [(account, channel) for account in ACCOUNTS for channel in CHANNELS]
    busy = [*known, *[known[chance.randrange(3)]] * 6]
    keys = {(*chance.choice(busy), chance.choice(ids)) for _ in range(operations)}
    alone = {(f"one-off-{n}", chance.choice(list(CHANNELS)), "op") for n in range(operations // 3)}
    lives = [random_life(chance, *key) for key in sorted(keys | alone)]
    return World(
        operations=[operation for operation, _ in lives],
        states=[state for _, states in lives for state in states],
        followed=list(_followed(chance, known, ids)),
        coverage=[
            row for key in (*known[1:], ("quiet", "emails")) for row in random_coverage(chance, key)
        ],
        gaps=[row for key in known for row in random_gaps(chance, key)],
        runs=[row for account in (*ACCOUNTS[1:], "idle") for row in _runs(chance, account)],
        rejected=[row for key in known for row in _rejected(chance, key)],
    )


def random_life(
    chance: Chance, account: str, channel: str, name: str
) -> tuple[Operation, list[State]]:
    """An operation as it is now, and the states in which it was seen."""
    created = random_instant(chance)
    seen = sorted(_sights(chance, created))
    statuses = _statuses(chance, len(seen))
    shown: list[Operation] = []
    for instant, status in zip(seen, statuses, strict=True):
        counters = shown[-1].counters if shown else random_counters(chance, channel)
        shown.append(
            Operation(
                channel=channel,
                id=name,
                account=account,
                counters=_moved(chance, counters),
                status=status,
                created_at=created,
                updated_at=chance.choice((None, instant - chance.random() * (instant - created))),
                synced_at=instant,
            )
        )
    later = chance.choice((timedelta(0), HOUR, DAY - TICK, DAY, 3 * DAY))
    now = replace(shown[-1], synced_at=seen[-1] + later, extra=chance.choice((None, '{"a": 1}')))
    return now, [] if chance.random() < 0.1 else list(_states(chance, shown))


def random_instant(chance: Chance) -> datetime:
    """A time of creation, often on the edge of something."""
    edge = chance.now - chance.choice(EDGES) + chance.choice((-1, 0, 1)) * TICK
    midnight = align_down(chance.now, DAY) - chance.randint(0, 40) * DAY
    return chance.choice(
        (
            min(edge, chance.now),
            midnight + chance.choice(MIDNIGHTS) * HOUR - DAY + chance.choice((-1, 0)) * TICK,
            chance.now - chance.randint(0, 45 * 86400) * SECOND,
            chance.now - chance.random() * 14 * DAY,
        )
    )


def random_counters(chance: Chance, channel: str) -> Counters:
    """Counters as an API might have them, of either reading, now and then nonsense."""
    top = chance.choice((1, 3, 10, 1000))
    counters: dict[str, int | None] = {}
    for name in CHANNELS[channel].counters:
        counters[name] = chance.choice((0, 0, chance.randint(0, top)))
        if chance.random() < 0.02:
            counters[name] = chance.choice(NONSENSE)
    if chance.random() < 0.6:
        counters["total"] = chance.randint(0, 4 * top)
    if chance.random() < 0.6:
        counters["recipients"] = chance.choice(SIZES)
    return counters


def _moved(chance: Chance, counters: Counters) -> Counters:
    """The counters a while later; most of them have grown, if they have changed at all."""
    steps = (0, 0, 0, 1, 2, 20, -1)
    return {
        name: None if value is None else value + chance.choice(steps) if 0 < value < 1000 else value
        for name, value in counters.items()
    }


def _sights(chance: Chance, created: datetime) -> set[datetime]:
    """When an operation was seen in another state, up to six times."""
    return {created + _later(chance) for _ in range(chance.randint(1, 6))}


def _later(chance: Chance) -> timedelta:
    edge = chance.choice(HOURS_LATER) * HOUR + chance.choice((-1, 0, 0, 1)) * TICK
    some = timedelta(seconds=chance.choice((-1, 0.5, 60, 900.25, chance.random() * 7200)))
    return chance.choice((edge, some))


def _statuses(chance: Chance, count: int) -> list[str | None]:
    if chance.random() < 0.2:
        return [chance.choice(STATUSES) for _ in range(count)]
    first = chance.choice(("SCHEDULED", "PROCESSING", "PROCESSING", "COMPLETED"))
    after = {"SCHEDULED": STATUSES[:2], "PROCESSING": STATUSES[1:4]}
    statuses: list[str | None] = [first]
    while len(statuses) < count:
        statuses.append(chance.choice(after.get(str(statuses[-1]), (statuses[-1],))))
    return statuses


def _states(chance: Chance, shown: Sequence[Operation]) -> Iterator[State]:
    """States whose validity adjoins, each from when it was seen, or all from soon after that."""
    lag = chance.choice((0, 0, 3, 45.5)) * SECOND
    begins = [each.synced_at + lag for each in shown if each.synced_at]
    for each, (begin, end) in zip(shown, pairwise([*begins, None]), strict=True):
        assert begin is not None
        yield State(shown=each, valid_from=begin, valid_to=end)


def _followed(chance: Chance, known: Sequence[Key], ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What became of a third of all ids that there could be, and may not be."""
    for account, channel in known:
        for name in ids:
            if chance.random() < 0.3:
                yield {
                    "account": account,
                    "channel": channel,
                    "operation_id": name,
                    "outcome": chance.choice(("open", "ended", "lost")),
                }


def random_coverage(chance: Chance, key: Key) -> list[Record]:
    """Windows of one width or several, which overlap then, with holes or without."""
    holes = chance.choice((0, 0, 0.02, 0.1))
    back = chance.choice((1, 6.5, 7, 7.5, 9)) * DAY
    rows: dict[tuple[datetime, datetime], Record] = {}
    for width in chance.choice(((3,), (3,), (3, 2), (1, 6), (12, 3))):
        start = align_down(chance.now - back, width * HOUR)
        until = chance.now - chance.choice((0, 1, 30, 200)) * HOUR
        while start < until:
            end = start + width * HOUR
            if chance.random() >= holes:
                rows[start, end] = _window(chance, key, start, end, 1 - holes)
            start = end
        back = chance.choice((1, 3, 7)) * DAY
    return list(rows.values())


def _window(chance: Chance, key: Key, start: datetime, end: datetime, complete: float) -> Record:
    return {
        "account": key[0],
        "channel": key[1],
        "window_start": start,
        "window_end": end,
        "read_at": end + chance.choice((1, 60, 3000)) * SECOND,
        "rows_read": chance.randint(0, 9),
        "is_complete": chance.random() < complete,
    }


def random_gaps(chance: Chance, key: Key) -> list[Record]:
    """Up to three stretches that are lost."""
    starts = {
        chance.now - chance.randint(7 * 24, 12 * 24) * HOUR for _ in range(chance.choice((0, 0, 3)))
    }
    return [
        {
            "account": key[0],
            "channel": key[1],
            "gap_start": start,
            "gap_end": start + chance.choice((1, 3, 0.5)) * HOUR,
            "found_at": chance.now,
        }
        for start in sorted(starts)
    ]


RUN_CHANNELS: Final = (
    "{}",
    '{"emails":{"operations":1}}',
    '{"messages":{"refused":"closed"},"push_notifications":{}}',
    '{"messages":{},"emails":{},"push_notifications":{}}',
)
"""What a run did on each channel that it came to, as the table holds it."""


def _runs(chance: Chance, account: str) -> Iterator[Record]:
    """Runs with every outcome, two of them begun at once."""
    ages = [7 * DAY, 7 * DAY + TICK, *(chance.randint(0, 12 * 24) * HOUR for _ in range(6))]
    for number, age in enumerate([*ages, min(ages)]):
        yield {
            "run_id": f"{account}-{number}",
            "account": account,
            "started_at": chance.now - age,
            "outcome": chance.choice(("complete", "complete", "incomplete", "failed", "running")),
            "channels": chance.choice(RUN_CHANNELS),
        }


def _rejected(chance: Chance, key: Key) -> Iterator[Record]:
    for number in range(chance.choice((0, 1, 4))):
        yield {"row_key": f"{key}-{number}", "account": key[0], "channel": key[1]}
