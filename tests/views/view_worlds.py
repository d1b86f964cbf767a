"""Random data sets for whole warehouses: operations, their histories, and the other tables."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import duckdb

from comms_source.channels import CHANNELS
from comms_source.tables.bookkeeping import ACKNOWLEDGED, COVERAGE, FOLLOWED, GAPS, LABELS, RUNS
from comms_source.tables.detail_tables import ATTEMPTS, DETAILS, ERRORS, TAGS
from comms_source.tables.operations import REJECTED
from comms_source.timespans import align_down
from tests.views.random_counters import KINDS, random_history
from tests.views.view_tables import NOW, Operation, Record, State, put, put_rows, put_states

Key = tuple[str, str]
"""Account and channel."""

TICK: Final = timedelta(microseconds=1)
SECOND: Final = timedelta(seconds=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)

STATUSES: Final = ("SCHEDULED", "PROCESSING", "COMPLETED", "CANCELED", "NEW", None)
ACCOUNTS: Final = ("acme", "globex", "initech")
ODDS: Final = {"acme": (970, 10, 20), "globex": (10, 970, 20)}
"""The weights of the kinds of counters, by account; other accounts have all kinds equally."""
EDGES: Final = tuple(days * DAY for days in (0, 1 / 24, 1, 2, 6, 7, 8, 14, 30, 35))
"""Ages that are limits in some view."""
HOURS_LATER: Final = (0, 0.25, 1, 3, 6, 12, 24, 48, 72, 96, 120, 144, 168)
"""Ages at which operations are often seen, because some views use them."""
MIDNIGHTS: Final = (0, 5.5, 18.5, 22, 23)
"""Hours of UTC at which a day begins in some zone."""
LABELLED: Final = {"campaign": ("spring", "autumn", "none"), "team": ("sales", "support")}
"""The values of each label."""


class Chance(random.Random):
    """A source of random numbers, with the current time of the data."""

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
    acknowledged: Sequence[Record] = ()
    labels: Sequence[Record] = ()
    resources: Sequence[Record] = ()
    """Those of all channels; `channel` is the table of the row."""
    tags: Sequence[Record] = ()
    attempts: Sequence[Record] = ()
    errors: Sequence[Record] = ()
    details: Sequence[Record] = ()


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
        (ACKNOWLEDGED, world.acknowledged),
        (LABELS, world.labels),
        (TAGS, world.tags),
        (ATTEMPTS, world.attempts),
        (ERRORS, world.errors),
        (DETAILS, world.details),
    ):
        put_rows(db, record.name, rows)
    for channel in CHANNELS.values():
        mine = [row for row in world.resources if row["channel"] == channel.name]
        without = [{name: row[name] for name in row if name != "channel"} for row in mine]
        put_rows(db, channel.resource_table, without)


def random_world(chance: Chance, operations: int) -> World:
    """A few accounts with the same ids in all channels, one of them the largest; many small ones.

    One more account was read and has no operations. Nothing was seen after `chance.now`.
    """
    ids = [f"op{number:05}" for number in range(max(1, operations // 2))]
    known = [(account, channel) for account in ACCOUNTS for channel in CHANNELS]
    busy = [*known, *[known[chance.randrange(2)]] * 6]
    keys = {(*chance.choice(busy), chance.choice(ids)) for _ in range(operations)}
    alone = {(f"one-off-{n}", chance.choice(list(CHANNELS)), "op") for n in range(operations // 3)}
    generated = [random_operation(chance, *key) for key in sorted(keys | alone)]
    shown = [operation for operation, _ in generated]
    rejected = [row for key in known for row in _rejected(chance, key, shown)]
    return World(
        operations=shown,
        states=[state for _, states in generated for state in states],
        followed=list(_followed(chance, known, ids)),
        coverage=[
            row
            for key in (*known[:-1], ("quiet", "emails"))
            for row in random_coverage(chance, key)
        ],
        gaps=[row for key in known for row in random_gaps(chance, key)],
        runs=[row for account in (*ACCOUNTS[1:], "idle") for row in _runs(chance, account)],
        rejected=rejected,
        acknowledged=acknowledgements(row for row in rejected if chance.random() < 0.4),
        labels=random_labels(chance, shown),
    )


def random_operation(
    chance: Chance, account: str, channel: str, name: str
) -> tuple[Operation, list[State]]:
    """An operation as it is now, and the states in which it was seen."""
    created = random_instant(chance)
    seen = sorted(_sights(chance, created))
    statuses = _statuses(chance, len(seen))
    kind = chance.choices(KINDS, ODDS.get(account, (1, 1, 1)))[0]
    history = random_history(chance, channel, kind, len(seen))
    shown = [
        Operation(
            channel=channel,
            id=name,
            account=account,
            counters=counters,
            status=status,
            created_at=created,
            updated_at=chance.choice((None, instant - chance.random() * (instant - created))),
            synced_at=instant,
        )
        for instant, status, counters in zip(seen, statuses, history, strict=True)
    ]
    later = chance.choice((timedelta(0), HOUR, DAY - TICK, DAY, 3 * DAY, 6 * DAY))
    last_seen = max(seen[-1], min(seen[-1] + later, chance.now))
    now = replace(shown[-1], synced_at=last_seen, extra=chance.choice((None, '{"a": 1}')))
    return now, [] if chance.random() < 0.1 else list(_states(chance, shown))


def random_instant(chance: Chance) -> datetime:
    """A creation time, often exactly on a limit."""
    edge = chance.now - chance.choice(EDGES) + chance.choice((-1, 0, 1)) * TICK
    midnight = align_down(chance.now, DAY) - chance.randint(0, 40) * DAY
    return chance.choice(
        (
            min(edge, chance.now),
            midnight + chance.choice(MIDNIGHTS) * HOUR - DAY + chance.choice((-1, 0)) * TICK,
            chance.now - chance.randint(0, 45 * 86400) * SECOND,
            chance.now - chance.random() * 14 * DAY,
            chance.now - chance.random() * 9 * DAY,
        )
    )


def _sights(chance: Chance, created: datetime) -> set[datetime]:
    """Up to six times at which an operation was seen in a new state."""
    sights = {created + _later(chance) for _ in range(chance.randint(1, 6))}
    return {instant for instant in sights if instant <= chance.now} or {created}


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
    """Adjoining states, each valid from when it was seen, or soon after."""
    lag = chance.choice((0, 0, 3, 45.5)) * SECOND
    begins = [each.synced_at + lag for each in shown if each.synced_at]
    for each, (begin, end) in zip(shown, pairwise([*begins, None]), strict=True):
        assert begin is not None
        yield State(shown=each, valid_from=begin, valid_to=end)


def _followed(chance: Chance, known: Sequence[Key], ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The outcomes of a third of all possible ids; some of them do not exist."""
    for account, channel in known:
        for number, name in enumerate(ids):
            if chance.random() < 0.3:
                yield {
                    "account": account,
                    "channel": channel,
                    "operation_id": name,
                    "outcome": chance.choice(("active", "ended", "not_found")),
                    "asked_at": chance.now - EDGES[number % len(EDGES)] - number % 2 * TICK,
                }


def random_coverage(chance: Chance, key: Key) -> list[Record]:
    """Windows that do not overlap, of one or more widths, with or without gaps between them."""
    holes = chance.choice((0, 0, 0, 0.02, 0.1))
    delay = chance.choice((SECOND, 3000 * SECOND, 6 * DAY))
    until = chance.now - chance.choice((0, 0, 1, 30)) * HOUR
    rows = []
    for start, end in _windows(chance, until):
        if chance.random() >= holes:
            is_complete = end <= until and chance.random() >= holes
            late = end + chance.choice((SECOND, delay))
            early = start + chance.choice((0.5, 1)) * (end - start)
            rows.append(
                {
                    "account": key[0],
                    "channel": key[1],
                    "window_start": start,
                    "window_end": end,
                    "read_at": min(late if is_complete else early, until),
                    "rows_read": chance.randint(0, 9),
                    "is_complete": is_complete,
                }
            )
    return rows


def _windows(chance: Chance, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Adjoining windows, up to one that has not ended."""
    start = align_down(chance.now - chance.choice((1, 7.5, 9, 16, 16, 40)) * DAY, DAY)
    widths = [chance.choice((1, 1.5, 24)) * HOUR] * 9 + [chance.choice((1, 1.5)) * HOUR]
    while start < until:
        end = start + chance.choice(widths)
        yield start, end
        start = end


def random_gaps(chance: Chance, key: Key) -> list[Record]:
    """Up to three gaps."""
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
"""Values of the column `channels` of the table `runs`."""


def _runs(chance: Chance, account: str) -> Iterator[Record]:
    """Runs with every outcome, two of them started at the same time."""
    ages = [7 * DAY, 7 * DAY + TICK, *(chance.randint(0, 12 * 24) * HOUR for _ in range(6))]
    for number, age in enumerate([*ages, min(ages)]):
        yield {
            "run_id": f"{account}-{number}",
            "account": account,
            "started_at": chance.now - age,
            "outcome": chance.choice(("complete", "complete", "incomplete", "failed", "running")),
            "channels": chance.choice(RUN_CHANNELS),
        }


def random_labels(chance: Chance, operations: Sequence[Operation]) -> list[Record]:
    """Labels of some operations and of one that does not exist."""
    labels = {("acme", "nowhere", "team", "sales")}
    for operation in operations:
        for label, values in LABELLED.items():
            if chance.random() < 0.2:
                labels.add((operation.account, operation.id, label, chance.choice(values)))
    return [
        {"account": account, "operation_id": name, "label": label, "value": value}
        for account, name, label, value in sorted(labels)
    ]


def _rejected(chance: Chance, key: Key, operations: Sequence[Operation]) -> Iterator[Record]:
    """Rows without an id, of unknown operations, and of those that were read at other times."""
    mine = [each for each in operations if (each.account, each.channel) == key]
    for number in range(chance.choice((0, 1, 12))):
        operation = chance.choice(mine)
        seen = operation.synced_at or chance.now
        yield {
            "row_key": f"{key}-{number}",
            "account": key[0],
            "channel": key[1],
            "operation_id": chance.choice((None, "nowhere", operation.id, operation.id)),
            "reason": "the counter total is 'many'",
            "raw": "{}",
            "synced_at": seen + chance.choice((-1, 0, 1)) * chance.choice((TICK, HOUR)),
        }


def acknowledgements(rejected: Iterable[Record]) -> list[Record]:
    """The acknowledgements of these rows, each operation once."""
    key = ("account", "channel")
    keys = {
        (*(row[name] for name in key), row["operation_id"] or row["row_key"]) for row in rejected
    }
    return [
        {
            **dict(zip(key, names, strict=True)),
            "subject": subject,
            "acknowledged_at": NOW,
        }
        for *names, subject in sorted(keys)
    ]
