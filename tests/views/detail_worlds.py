"""Random rows of the tables of details, for the operations of a data set."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from comms_source.channels import CHANNELS
from tests.views.sums import sensible
from tests.views.view_tables import NOW, Operation, Record
from tests.views.view_worlds import DAY, HOUR, TICK, World

MOST: Final = 12
"""The maximum number of resources of an operation that has as many as its counters say."""
STATUSES: Final = (
    *("SCHEDULED", "QUEUED", "SENT", "DELIVERED", "READ", "OPENED"),
    *("UNDELIVERED", "FAILED", "CANCELED", "GROUP"),
)
SENDERS: Final[Sequence[Mapping[str, str | None]]] = (
    {"sub_channel": "SMS", "sender": "+15550001", "sender_id": "s1", "sender_pool_id": "p1"},
    {"sub_channel": "RCS", "sender": "brand", "sender_id": "s2", "sender_pool_id": None},
    {"sub_channel": None, "sender": None, "sender_id": None, "sender_pool_id": None},
)
TAGS: Final = {"campaign": ("spring", "autumn"), "variant": ("a", "b", "a.b~c")}
"""The values of each tag."""
CODES: Final = (30003, 30007, 21610, 61337, 99999, None)
OUTCOMES: Final = ("read", "read", "read", "read", "empty", "expired")


def with_details(chance: random.Random, world: World) -> World:
    """The same data set, with details of most of its operations and of one that is not there."""
    nowhere = Operation(channel="messages", id="nowhere", created_at=NOW - DAY)
    rows = [
        _of_operation(chance, each)
        for each in (*world.operations, nowhere)
        if chance.random() < 0.8
    ]
    return replace(
        world,
        resources=[row for each in rows for row in each.resources],
        tags=[row for each in rows for row in each.tags],
        attempts=[row for each in rows for row in each.attempts],
        errors=[row for each in rows for row in each.errors],
        details=[row for each in rows for row in each.details],
    )


def _of_operation(chance: random.Random, operation: Operation) -> World:
    """The details of one operation; a kind may have not been asked for."""
    same = {
        "account": operation.account,
        "channel": operation.channel,
        "operation_id": operation.id,
        "synced_at": NOW,
    }
    listed = chance.random() < 0.6 or operation.status == "SCHEDULED"
    first = not listed or chance.random() < 0.3
    outcomes = {
        kind: chance.choice(OUTCOMES)
        for kind, asked in (("tags", first), ("resources", listed), ("errors", listed))
        if asked
    }
    were_read = outcomes.get("resources") == "read"
    statuses = _statuses(chance, operation) if were_read else []
    resources = [
        _resource(chance, same, number, status) | {"scheduled_for": _due(chance, operation)}
        for number, status in enumerate(statuses)
    ]
    looked_at = outcomes.get("tags") == "read" and not were_read
    errors = "errors" in outcomes
    details = [
        _read(chance, operation, kind, outcome, listed=len(resources))
        for kind, outcome in outcomes.items()
    ]
    return World(
        resources=_stamped(resources, details),
        tags=list(_tags(chance, same, resources, looked_at=looked_at)),
        attempts=[
            row
            for each in resources
            if errors and operation.channel == "messages" and chance.random() < 0.5
            for row in _attempts(chance, each)
        ],
        errors=list(_errors(chance, same)) if errors else [],
        details=details,
    )


def _stamped(resources: Sequence[Record], details: Sequence[Record]) -> list[Record]:
    """The resources, read when the details say; a few were not listed any more then."""
    read_at = next((row["read_at"] for row in details if row["kind"] == "resources"), None)
    if read_at is None:
        return [*resources]
    chance = random.Random(len(resources))
    return [
        row | {"synced_at": read_at + chance.choices((timedelta(0), TICK, -TICK), (60, 37, 3))[0]}
        for row in resources
    ]


def _statuses(chance: random.Random, operation: Operation) -> list[str]:
    """Those that the counters say in one of the modes, or any."""
    names = CHANNELS[operation.channel].counters
    counts = {name: sensible(operation.counters.get(name)) or 0 for name in names}
    later = {name: counts.get(name, 0) for name in ("delivered", "read", "opened", "undelivered")}
    if chance.random() < 0.5:
        engaged = later["read"] + later["opened"]
        counts["sent"] -= later["delivered"] + later["undelivered"]
        counts["delivered"] = later["delivered"] - engaged
    parts = {name: counts.get(name.lower(), 0) for name in STATUSES}
    if min(parts.values()) >= 0 and 0 < sum(parts.values()) <= MOST:
        return [name for name, number in parts.items() for _ in range(number)]
    return [chance.choice(STATUSES) for _ in range(chance.randint(1, 5))]


def _resource(
    chance: random.Random, same: Mapping[str, object], number: int, status: str
) -> Record:
    tags = {name: chance.choice(values) for name, values in TAGS.items() if chance.random() < 0.6}
    text = msgspec.json.encode(tags).decode()
    key = f"{same['account']} {same['channel']} {same['operation_id']}"
    return {
        **same,
        "id": f"{key} {number}",
        "status": status,
        **chance.choices(SENDERS, (8, 1, 1))[0],
        "recipient": chance.choice((None, "ann", "bob", "carl")),
        "tags": chance.choice((text, text.replace('":"', '": "').replace(",", ", "))),
    }


def _due(chance: random.Random, operation: Operation) -> datetime | None:
    """Often exactly as long before the last reading as makes an operation overdue."""
    seen = operation.synced_at or operation.created_at
    due = seen - chance.choice((1, 1, 2, 30)) * HOUR + chance.choice((-1, 0, 1)) * TICK
    return chance.choice((None, due))


def _tags(
    chance: random.Random,
    same: Mapping[str, object],
    resources: Sequence[Record],
    *,
    looked_at: bool,
) -> Iterator[Record]:
    """The tags of all resources with their number, or those of the first resource."""
    number: Counter[tuple[str, str]] = Counter()
    for each in resources:
        number.update(msgspec.json.decode(each["tags"]).items())
    for (name, value), carried in sorted(number.items()):
        missing = 1 if chance.random() < 0.05 else 0
        yield {**same, "tag": name, "value": value, "resources": carried + missing}
    for name, values in TAGS.items():
        if looked_at and chance.random() < 0.6:
            yield {**same, "tag": name, "value": chance.choice(values), "resources": None}


def _attempts(chance: random.Random, resource: Record) -> Iterator[Record]:
    for attempt in range(1, chance.randint(1, 3) + 1):
        status = chance.choice(("FAILED", "UNDELIVERED", "DELIVERED", None))
        code = chance.choice(CODES) if status != "DELIVERED" else None
        yield {
            "account": resource["account"],
            "message_id": resource["id"],
            "operation_id": resource["operation_id"],
            "attempt": attempt,
            "status": status,
            "error_code": code,
            "error_message": None if code is None else chance.choice((None, f"Error {code}.")),
            "attempted_at": chance.choice((None, NOW - chance.random() * DAY)),
            "synced_at": resource["synced_at"],
        }


def _errors(chance: random.Random, same: Mapping[str, object]) -> Iterator[Record]:
    for code in chance.sample(CODES, chance.choice((0, 0, 1, 2))):
        yield {
            **same,
            "error_key": str(code),
            "error_code": code,
            "error_message": chance.choice((None, "Refused.")),
            "occurrences": chance.randint(1, 4),
            "raw": "{}",
        }


def _read(
    chance: random.Random, operation: Operation, kind: str, outcome: str, *, listed: int
) -> Record:
    """The row of one kind; it was often read in the state that the operation is in."""
    seen = operation.synced_at or operation.created_at
    ago = chance.choice((timedelta(0), TICK, -TICK, -HOUR))
    is_read = kind == "resources" and outcome == "read"
    missing = 1 if chance.random() < 0.05 else 0
    sender = chance.choice(SENDERS) if kind == "tags" and outcome == "read" else {}
    return {
        "account": operation.account,
        "channel": operation.channel,
        "operation_id": operation.id,
        "kind": kind,
        "created_at": operation.created_at,
        "outcome": outcome,
        "read_at": None if outcome == "expired" else chance.choice((NOW, seen + ago)),
        "resources": listed + missing if is_read else None,
        "rejected": chance.choice((None, 0, 0, 0, 1)) if is_read else None,
        "not_asked": chance.choice((None, 0, 7)) if kind == "errors" else None,
        **sender,
    }
