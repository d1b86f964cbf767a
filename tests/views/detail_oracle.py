"""The expected rows of the views of details, in plain Python, one operation after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from comms_source.views.files import error_causes
from tests.views.marts_oracle import aggregate
from tests.views.resource_oracle import listed
from tests.views.sums import grouped, share, sum_column
from tests.views.view_oracle import CHANNEL_ORDER, HOUR, Key, Oracle, Pair, decided
from tests.views.view_tables import Record

MONTH: Final = timedelta(days=30)
KEY: Final = ("account", "channel", "operation_id")
NONE: Final = "(none)"
SENDER: Final = ("sub_channel", "sender", "sender_id", "sender_pool_id")
REACHED: Final = ("DELIVERED", "READ", "OPENED")
LOST: Final = ("UNDELIVERED", "FAILED")
WITHOUT_ATTEMPTS: Final = ("emails", "push_notifications")

Member = tuple[Any, Record, int | None, Sequence[Record] | None, bool]
"""A group, an operation in it, how many of its resources are, these, and whether all are."""


class Details:
    """The rows of the tables of details, by operation."""

    def __init__(self, oracle: Oracle) -> None:
        """Index them."""
        world = oracle.world
        self.oracle = oracle
        self.operations = {_key(row, "id"): row for row in oracle.operations}
        self.resources = _by_operation(listed(world))
        self.tags = _by_operation(world.tags)
        self.kinds = {
            key: {row["kind"]: row for row in rows}
            for key, rows in _by_operation(world.details).items()
        }

    def read(self, key: Key, kind: str) -> Record | None:
        """The row of a kind of details of an operation, if it was read."""
        row = self.kinds.get(key, {}).get(kind)
        return row if row and row["outcome"] == "read" else None

    def listed(self, key: Key) -> int | None:
        """How many resources of an operation were listed; None if they were not read."""
        row = self.read(key, "resources")
        number: int | None = row["resources"] if row else None
        return number

    @property
    def known(self) -> list[Key]:
        """The operations whose tags and senders are known."""
        return [key for key in self.kinds if self.read(key, "tags") or self.read(key, "resources")]

    def not_known(self, pair: Pair) -> int:
        """How many operations are not known since the first one that is."""
        known = {key for key in self.known if key[:2] == pair}
        rows = (self.read(key, kind) for key in known for kind in ("tags", "resources"))
        first = min(row["created_at"] for row in rows if row)
        later = (
            key
            for key, row in self.operations.items()
            if key[:2] == pair and row["created_at"] >= first
        )
        return sum(key not in known for key in later)


def _key(row: Record, name: str = "operation_id") -> Key:
    return row["account"], row["channel"], row[name]


def _by_operation(rows: Sequence[Record]) -> Mapping[Any, list[Record]]:
    return grouped(rows, *KEY)


def delivery_by_tag(oracle: Oracle) -> list[Record]:
    """Each operation counts in each of its tags; without tags, in one row for all such."""
    details = Details(oracle)
    return _groups(details, list(_tagged(details)), ("tag", "value"))


def _tagged(details: Details) -> Iterator[Member]:
    for key in details.known:
        shown, listed = details.operations.get(key), details.listed(key)
        if shown is None:
            continue
        mine = details.resources.get(key, [])
        tags = details.tags.get(key, [])
        if not tags:
            found = mine if listed == len(mine) else None
            yield (NONE, NONE), shown, listed, None if listed is None else found, True
        for row in tags:
            of = row["resources"]
            whole = of is None or of == listed
            carriers = [
                each
                for each in mine
                if whole
                or msgspec.json.decode(each["tags"] or "{}").get(row["tag"]) == row["value"]
            ]
            found = carriers if of == len(carriers) and of else None
            yield (row["tag"], row["value"]), shown, of, found, whole


def delivery_by_sender(oracle: Oracle) -> list[Record]:
    """Each operation counts for the sender of its resources, as far as they are known."""
    details = Details(oracle)
    return _groups(details, list(_sent(details)), SENDER)


def _sent(details: Details) -> Iterator[Member]:
    for key in details.known:
        shown, first = details.operations.get(key), details.read(key, "tags")
        if shown is None:
            continue
        if details.listed(key) is None:
            assert first
            yield tuple(first[name] for name in SENDER), shown, None, None, True
            continue
        senders = grouped(details.resources.get(key, []), *SENDER)
        for sender, sent in senders.items():
            yield sender, shown, len(sent), sent, len(senders) == 1


def _groups(details: Details, members: Sequence[Member], names: Sequence[str]) -> list[Record]:
    rows = [
        shown | {"group": group, "of": of, "found": found, "whole": whole}
        for group, shown, of, found, whole in members
    ]
    return [
        {
            **dict(zip(names, group, strict=True)),
            **_pair(account, channel),
            **_sums(mine),
            **_resources(mine, channel),
            "operations_without_details": details.not_known((account, channel)),
        }
        for (group, account, channel), mine in grouped(rows, "group", "account", "channel").items()
    ]


def _pair(account: str, channel: str) -> Record:
    return {"account": account, "channel": channel, "channel_order": CHANNEL_ORDER[channel]}


def _sums(rows: Sequence[Record]) -> Record:
    """The counters of whole operations; the times and the finality are of all of them."""
    whole = [row for row in rows if row["whole"]]
    every = aggregate(rows)
    counted = aggregate(whole) if whole else _nothing(every)
    created = [row["created_at"] for row in rows]
    return counted | {
        "finality": every["finality"],
        "finality_order": every["finality_order"],
        "first_created_at": min(created),
        "last_created_at": max(created),
        "partial_operations": len(rows) - len(whole),
    }


def _nothing(columns: Record) -> Record:
    return {name: 0 if name.endswith("operations") else None for name in columns}


def _resources(rows: Sequence[Record], channel: str) -> Record:
    found = [each for row in rows if row["found"] is not None for each in row["found"]]
    is_known = any(row["found"] is not None for row in rows)
    status = Counter(each["status"] for each in found)
    reached = sum(status[name] for name in REACHED)
    lost = sum(status[name] for name in LOST)
    attempted = reached + lost + status["SENT"]
    has_outcomes = channel != "push_notifications"
    delivered = reached if is_known and has_outcomes else None
    return {
        "resources": sum_column(rows, "of"),
        "resources_attempted": attempted if is_known else None,
        "resources_delivered": delivered,
        "resources_not_delivered": lost if is_known else None,
        "resource_delivery_rate": share(delivered, attempted),
    }


def error_codes(oracle: Oracle) -> list[Record]:
    """The last error of each message that failed, and the listed errors of other channels."""
    details = Details(oracle)
    asked = {
        key: kinds["errors"]
        for key, kinds in details.kinds.items()
        if "errors" in kinds and kinds["errors"]["created_at"] >= oracle.now - MONTH
    }
    rows = [row for row in (*_of_messages(oracle), *_listed(oracle)) if _key(row) in asked]
    found: list[Record] = []
    for (account, channel), mine in grouped(rows, "account", "channel").items():
        kinds = [row for key, row in asked.items() if key[:2] == (account, channel)]
        codes = [_code(code, same) for (code,), same in grouped(mine, "error_code").items()]
        all_asked = sum(row["resources"] for row in codes)
        for place, row in enumerate(sorted(codes, key=_worst_first), 1):
            found.append(
                row
                | _pair(account, channel)
                | {
                    "place": place,
                    "asked": all_asked,
                    "share": share(row["resources"], all_asked),
                    "not_asked": sum(each["not_asked"] or 0 for each in kinds),
                }
            )
    return found


def _of_messages(oracle: Oracle) -> Iterator[Record]:
    """One row per attempt that failed."""
    recipients = {
        (row["account"], row["id"]): row["recipient"]
        for row in listed(oracle.world)
        if row["channel"] == "messages"
    }
    messages = grouped(oracle.world.attempts, "account", "message_id")
    for key, mine in messages.items():
        ordered = sorted(mine, key=lambda row: int(row["attempt"]))
        for row in filter(_has_failed, ordered):
            part = "recovered" if not _has_failed(ordered[-1]) else "earlier"
            yield row | {
                "channel": "messages",
                "part": "cause" if row is ordered[-1] else part,
                "number": 1,
                "recipient": recipients.get(key),
                "seen_at": row["attempted_at"] or row["synced_at"],
            }


def _has_failed(row: Record) -> bool:
    known = row["error_code"] is not None or row["error_message"] is not None
    return known or row["status"] in LOST


def _listed(oracle: Oracle) -> Iterator[Record]:
    for row in oracle.world.errors:
        if row["channel"] in WITHOUT_ATTEMPTS:
            yield row | {
                "message_id": (row["operation_id"], row["error_key"]),
                "part": "cause",
                "number": row["occurrences"],
                "recipient": None,
                "status": None,
                "seen_at": row["synced_at"],
            }


def _code(code: int | None, rows: Sequence[Record]) -> Record:
    causes = [row for row in rows if row["part"] == "cause"]
    names = {row["recipient"] for row in causes} - {None}
    nameless = [row["number"] for row in causes if row["recipient"] is None]
    status = Counter(row["status"] for row in causes)
    failed, undelivered = status["FAILED"], status["UNDELIVERED"]
    kinds = {
        (True, True): "both",
        (True, False): "failed",
        (False, True): "undelivered",
        (False, False): None,
    }
    has_attempts = rows[0]["channel"] not in WITHOUT_ATTEMPTS
    known = error_causes().get(str(code))
    words = [row["error_message"] for row in rows if row["error_message"] is not None]
    return {
        "error_code": code,
        "cause": known or max(words, default=None),
        "kind": kinds[failed > 0, undelivered > 0],
        "resources": sum(row["number"] for row in causes),
        "failed": failed if has_attempts else None,
        "undelivered": undelivered if has_attempts else None,
        "operations": len({row["operation_id"] for row in causes}),
        "recipients": len(names) + sum(nameless),
        "recovered": _messages(rows, "recovered"),
        "earlier": _messages(rows, "earlier"),
        "first_seen_at": min(row["seen_at"] for row in rows),
        "last_seen_at": max(row["seen_at"] for row in rows),
        "error_url": None if code is None else f"https://www.twilio.com/docs/api/errors/{code}",
    }


def _messages(rows: Sequence[Record], part: str) -> int:
    return len({row["message_id"] for row in rows if row["part"] == part})


def _worst_first(row: Record) -> tuple[int, ...]:
    return -row["resources"], -row["recovered"], -row["earlier"], row["error_code"] or 0


def operation_reconciliation(oracle: Oracle) -> list[Record]:
    """Operations whose resources were read in the state that they are in."""
    operations = {_key(row, "id"): row for row in oracle.operations}
    return [
        operations[key]
        | {
            "changed_at": each.changed_at,
            "resources_read_at": each.read_at,
            "counter_mode": oracle.channel_mode(*key[:2]),
            "resources": each.resources,
            **{f"resources_{name}": number for name, number in each.statuses.items()},
            "agrees_exclusive": each.exclusive == 0,
            "agrees_cumulative": each.cumulative == 0,
            "difference_exclusive": each.exclusive,
            "difference_cumulative": each.cumulative,
            "difference": min(each.exclusive, each.cumulative),
        }
        for key, each in oracle.comparisons.items()
    ]


def counter_mode_evidence(oracle: Oracle) -> list[Record]:
    """What the resources of each channel show."""
    return [
        {
            **_pair(account, channel),
            "resource_mode": decided(votes),
            "counter_mode": oracle.channel_mode(account, channel),
            "decided_by": oracle.decided_by(account, channel),
            "compared_operations": votes.total(),
            "exclusive_only": votes["exclusive"],
            "cumulative_only": votes["cumulative"],
            "either": votes["either"],
            "neither": votes["neither"],
        }
        for (account, channel), votes in oracle.resource_votes.items()
    ]


def overdue_operations(oracle: Oracle) -> list[Record]:
    """Operations that were still scheduled when all their resources should have been sent."""
    details = Details(oracle)
    found = []
    for key, shown in details.operations.items():
        times = [each["scheduled_for"] for each in details.resources.get(key, [])]
        due = max((time for time in times if time), default=None)
        if due is None or shown["status"] != "SCHEDULED" or key in oracle.not_found:
            continue
        late = shown["last_synced_at"] - due
        if late > oracle.settings.stuck_after:
            age = oracle.now - due
            found.append(
                shown
                | {
                    "scheduled_for": due,
                    "overdue_hours": late / HOUR,
                    "is_current": age <= timedelta(days=oracle.settings.alert_days),
                }
            )
    return found
