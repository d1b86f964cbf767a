"""The measures once more, in plain Python and from their definitions, to judge the views by.

Whole numbers and fractions only, one operation after another: as slow as it is simple.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from fractions import Fraction
from typing import Any, Final

from comms_source.channels import CHANNELS
from tests.views.view_tables import Operation, Record

MOST: Final = 10**12
COUNTERS: Final = (
    "total",
    "recipients",
    "attempts",
    "unaddressable",
    "scheduled",
    "queued",
    "sent",
    "delivered",
    "read",
    "opened",
    "undelivered",
    "failed",
    "canceled",
)
OF_RECIPIENTS_OR_ATTEMPTS: Final = frozenset({"total", "recipients", "attempts", "unaddressable"})
SUMMED: Final = (*COUNTERS, "in_flight", "reached_low", "reached_high")


def expected_operations(
    operations: Iterable[Operation], pins: Mapping[str, str] | None = None
) -> list[Record]:
    """The rows of the view `operations`, in the order in which `operations_of` reads them."""
    rows = [_Counted(operation) for operation in operations]
    decided: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        decided[row.account, row.channel].add(row.own_reading())
    pins = pins or {}
    measured = [
        row.measures(_reading(row, decided[row.account, row.channel], pins.get(row.channel)))
        for row in rows
    ]
    return sorted(measured, key=lambda row: (row["account"], row["channel"], row["id"]))


def expected_days(
    operations: Iterable[Operation], pins: Mapping[str, str] | None = None
) -> list[Record]:
    """The rows of the view `daily_delivery`, in the order in which `days_of` reads them."""
    groups: dict[tuple[Any, str, str], list[Record]] = defaultdict(list)
    for row in expected_operations(operations, pins):
        day = row["created_at"].astimezone(UTC).date()
        groups[day, row["account"], row["channel"]].append(row)
    return [
        {"day": day, "account": account, "channel": channel, **_day(group)}
        for (day, account, channel), group in sorted(groups.items())
    ]


def _reading(row: _Counted, decided: set[str], pin: str | None) -> str:
    own = row.own_reading()
    votes = decided & {"exclusive", "cumulative"}
    settled = next(iter(votes)) if own == "either" and len(votes) == 1 else own
    return pin or settled


class _Counted:
    """One operation; what it does not tell, or cannot mean, is None."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.account = operation.account
        self.channel = operation.channel
        self.own = CHANNELS[operation.channel].counters
        self.counters = {name: _sensible(operation.counters.get(name)) for name in self.own}

    def get(self, name: str) -> int | None:
        return self.counters.get(name)

    def engaged(self) -> int | None:
        return self.get("opened" if self.channel == "emails" else "read")

    def in_states(self) -> int | None:
        """How many resources the status counters count, one state after another."""
        return _sum(*(self.get(name) for name in self.own if name not in OF_RECIPIENTS_OR_ATTEMPTS))

    def own_reading(self) -> str:
        total, sent, delivered = self.get("total"), self.get("sent"), self.get("delivered")
        not_exclusive = _less(total, self.in_states())
        beyond_sent = _less(sent, _sum(delivered, self.get("undelivered")))
        not_cumulative = beyond_sent or _less(delivered, self.engaged())
        return {
            (True, True): "inconsistent",
            (True, False): "cumulative",
            (False, True): "exclusive",
            (False, False): "either",
        }[not_exclusive, not_cumulative]

    def reached(self, reading: str) -> tuple[int | None, int | None]:
        delivered, engaged = self.get("delivered"), self.engaged()
        if delivered is None or engaged is None:
            return None, None
        if reading == "exclusive":
            return delivered + engaged, delivered + engaged
        if reading == "cumulative":
            return delivered, delivered
        least = max(delivered, engaged)
        total = self.get("total")
        most = delivered + engaged if total is None else min(total, delivered + engaged)
        return least, max(least, most)

    def in_flight(self, reading: str) -> int | None:
        waiting = _sum(self.get("scheduled"), self.get("queued"))
        sent = self.get("sent")
        if self.channel == "push_notifications" or sent == 0:
            return waiting
        if reading == "exclusive":
            return _sum(waiting, sent)
        arrived = _sum(self.get("delivered"), self.get("undelivered"))
        if reading == "cumulative" and sent is not None and arrived is not None:
            return _sum(waiting, max(0, sent - arrived))
        return None

    def attempted(self) -> int | None:
        """The resources that were attempted, where at least one of them is in some state."""
        total, later = self.get("total"), _sum(*map(self.get, ("scheduled", "queued", "canceled")))
        if total is None or later is None or self.in_states() == 0:
            return None
        return total - later

    def measures(self, reading: str) -> Record:
        low, high = self.reached(reading)
        missed = _sum(self.get("undelivered"), self.get("failed"))
        states, total = self.in_states(), self.get("total")
        attempted = self.attempted()
        sides = {
            "missed": missed,
            "attempted": attempted if attempted is not None and attempted > 0 else None,
            "offered": _sum(self.get("sent"), self.get("failed"))
            if self.channel == "push_notifications"
            else None,
        }
        row: Record = {
            "account": self.account,
            "channel": self.channel,
            "id": self.operation.id,
            "status": self.operation.status,
            "created_at": self.operation.created_at,
            **{name: self.get(name) for name in COUNTERS},
            "stats_reading": reading,
            "stats_check": None if states is None or total is None else states - total,
            "in_flight": self.in_flight(reading),
            "reached_low": low,
            "reached_high": high,
        }
        return row | {"_sides": sides} | _rates([row | sides])


def _day(rows: Sequence[Record]) -> Record:
    status = [row["status"] for row in rows]
    return {
        "operations": len(rows),
        "completed_operations": status.count("COMPLETED"),
        "canceled_operations": status.count("CANCELED"),
        "open_operations": status.count("SCHEDULED") + status.count("PROCESSING"),
        **{name: _sum_known(row[name] for row in rows) for name in SUMMED},
        **_rates([row | row["_sides"] for row in rows]),
    }


def _rates(rows: Sequence[Record]) -> Record:
    """Each rate as a ratio of sums, over those rows that tell both of its sides."""
    delivered_low = _ratio(rows, "reached_low", "reached_low", "missed")
    delivered_high = _ratio(rows, "reached_high", "reached_high", "missed")
    rates = {
        "delivery_rate": delivered_low if delivered_low == delivered_high else None,
        "delivery_rate_low": delivered_low,
        "delivery_rate_high": delivered_high,
        "attempted_delivery_rate_low": _ratio(rows, "reached_low", "attempted"),
        "attempted_delivery_rate_high": _ratio(rows, "reached_high", "attempted"),
        "failure_rate_low": _ratio(rows, "missed", "missed", "reached_high"),
        "failure_rate_high": _ratio(rows, "missed", "missed", "reached_low"),
        "read_rate_low": _ratio(rows, "read", "reached_high"),
        "read_rate_high": _ratio(rows, "read", "reached_low"),
        "open_rate_low": _ratio(rows, "opened", "reached_high"),
        "open_rate_high": _ratio(rows, "opened", "reached_low"),
        "acceptance_rate": _ratio(rows, "sent", "offered"),
        "unaddressable_rate": _ratio(rows, "unaddressable", "recipients"),
        "cancel_rate": _ratio(rows, "canceled", "total"),
    }
    shares = {
        name: None if rate is None else float(min(rate, Fraction(1)))
        for name, rate in rates.items()
    }
    attempts = _ratio(rows, "attempts", "total")
    return shares | {"attempts_per_resource": None if attempts is None else float(attempts)}


def _ratio(rows: Iterable[Record], part: str, *whole: str) -> Fraction | None:
    parts, wholes = 0, 0
    for row in rows:
        below = _sum(*(row[name] for name in whole))
        if row[part] is not None and below is not None:
            parts += row[part]
            wholes += below
    return Fraction(parts, wholes) if wholes else None


def _sensible(value: int | None) -> int | None:
    return value if value is not None and 0 <= value <= MOST else None


def _sum(*values: int | None) -> int | None:
    known = list(_known(values))
    return sum(known) if len(known) == len(values) else None


def _sum_known(values: Iterable[int | None]) -> int | None:
    known = list(_known(values))
    return sum(known) if known else None


def _known(values: Iterable[int | None]) -> Iterator[int]:
    return (value for value in values if value is not None)


def _less(left: int | None, right: int | None) -> bool:
    return left is not None and right is not None and left < right
