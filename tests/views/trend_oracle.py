"""The expected rows of the view `delivery_trend`, in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Final

from tests.views.coverage_oracle import Covered
from tests.views.sums import grouped, plus, point, share, sum_column
from tests.views.view_oracle import CHANNEL_ORDER, DAY, HOUR, Oracle, Pair
from tests.views.view_tables import Record

PERIODS: Final = ("day", "week")
SEEN_WITHIN: Final = timedelta(minutes=15)
WEEK_BEFORE: Final = 7
"""The snapshot that the newest one is compared with."""
ENOUGH: Final = Fraction(99, 100)
"""The minimum covered share of periods that are compared."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure of one snapshot."""

    numerator_low: int | None
    numerator_high: int | None
    denominator_low: int | None
    denominator_high: int | None
    value_low: float | None
    value_high: float | None

    def columns(self, prefix: str = "") -> Record:
        """The columns of the view, each with a prefix."""
        return {
            f"{prefix}numerator_low": self.numerator_low,
            f"{prefix}numerator_high": self.numerator_high,
            f"{prefix}denominator_low": self.denominator_low,
            f"{prefix}denominator_high": self.denominator_high,
            f"{prefix}value": self.value,
            f"{prefix}value_low": self.value_low,
            f"{prefix}value_high": self.value_high,
        }

    @property
    def value(self) -> float | None:
        """The value, if it is known exactly."""
        return point(self.value_low, self.value_high)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The young operations of an account and channel, as they were known at an instant."""

    states: Sequence[Record]
    covered: Fraction | None

    def sum(self, name: str) -> int | None:
        """The sum of a column over the states with all their status counters."""
        return sum_column([state for state in self.states if state["is_counted"]], name)

    @property
    def is_covered(self) -> bool:
        """Whether enough of the period was read to compare it."""
        return self.covered is not None and self.covered >= ENOUGH


LARGEST: Final = {
    "without_outcome_rate": "outstanding_low",
    "undelivered_rate": "undelivered",
    "failed_rate": "failed",
    "acceptance_rate": "failed",
    "unaddressable_rate": "unaddressable",
}
"""The column that is too large in a bad operation, by measure."""


def _but_largest(name: str, snapshot: Snapshot) -> float | None:
    """The value as if the operation that is worst for it had been perfect."""
    measured = MEASURES[name](snapshot)
    if name == "requested":
        return None
    states = [state for state in snapshot.states if state["is_counted"]]
    if name == "delivery_rate":
        parts = [less_by(state["attempted"], state["delivered_high"]) for state in states]
    else:
        parts = [state[LARGEST[name]] for state in states] if name in LARGEST else []
    if name == "unaddressable_rate":
        some = [_some_unaddressable(state) or 0 for state in states]
        largest = _mostly_unaddressable(states) + max(some, default=0)
    else:
        largest = max((part for part in parts if part is not None), default=0)
    if name in ("delivery_rate", "acceptance_rate"):
        return share(plus(measured.numerator_high, largest), measured.denominator_low)
    return share(less_by(measured.numerator_low, largest), measured.denominator_high)


def _is_mostly_unaddressable(state: Record) -> bool:
    """Whether more than half of the recipients had no address."""
    unaddressable, recipients = state["unaddressable"], state["recipients"]
    return None not in (unaddressable, recipients) and 2 * unaddressable > recipients


def _mostly_unaddressable(states: Sequence[Record]) -> int:
    return sum(state["unaddressable"] for state in states if _is_mostly_unaddressable(state))


def _some_unaddressable(state: Record) -> int | None:
    """The unaddressable recipients of an operation with addresses for half of them or more."""
    return None if _is_mostly_unaddressable(state) else state["unaddressable"]


def less_by(whole: int | None, part: int | None) -> int | None:
    """The whole minus a part."""
    return None if whole is None or part is None else whole - part


def _requested(snapshot: Snapshot) -> Measured:
    requested = snapshot.sum("requested")
    value = None if requested is None else float(requested)
    return Measured(requested, requested, None, None, value, value)


def _of_attempted(low: str, high: str) -> Callable[[Snapshot], Measured]:
    return lambda snapshot: _rate(
        snapshot.sum(low), snapshot.sum(high), whole=snapshot.sum("attempted")
    )


def _engagement(snapshot: Snapshot) -> Measured:
    engaged = snapshot.sum("engaged")
    low, high = snapshot.sum("delivered_low"), snapshot.sum("delivered_high")
    return Measured(engaged, engaged, low, high, share(engaged, high), share(engaged, low))


def _acceptance(snapshot: Snapshot) -> Measured:
    accepted = snapshot.sum("accepted")
    return _rate(accepted, accepted, whole=snapshot.sum("offered"))


def _unaddressable(snapshot: Snapshot) -> Measured:
    unaddressable = snapshot.sum("unaddressable")
    return _rate(unaddressable, unaddressable, whole=snapshot.sum("recipients"))


def _rate(low: int | None, high: int | None, *, whole: int | None) -> Measured:
    return Measured(low, high, whole, whole, share(low, whole), share(high, whole))


MEASURES: Final[Mapping[str, Callable[[Snapshot], Measured]]] = {
    "requested": _requested,
    "delivery_rate": _of_attempted("delivered_low", "delivered_high"),
    "without_outcome_rate": _of_attempted("outstanding_low", "outstanding_high"),
    "undelivered_rate": _of_attempted("undelivered", "undelivered"),
    "failed_rate": _of_attempted("failed", "failed"),
    "engagement_rate": _engagement,
    "acceptance_rate": _acceptance,
    "unaddressable_rate": _unaddressable,
}
"""In their order."""


def delivery_trend(oracle: Oracle) -> list[Record]:
    """The newest day and week, compared with those a week before at the same age."""
    covered = Covered(oracle)
    return [
        row
        for pair, states in grouped(oracle.states, "account", "channel").items()
        if (as_of := _as_of(oracle, (pair[0], pair[1])))
        for row in _Trend(oracle, covered, as_of, states).rows()
    ]


class _Trend:
    """The trend of one account and channel."""

    def __init__(
        self, oracle: Oracle, covered: Covered, as_of: datetime, states: Sequence[Record]
    ) -> None:
        self._pair: Pair = states[0]["account"], states[0]["channel"]
        self._oracle, self._covered = oracle, covered
        self._as_of, self._states = as_of, states

    def rows(self) -> Iterator[Record]:
        """The rows of both periods."""
        days = [self._snapshot("day", number) for number in range(WEEK_BEFORE + 1)]
        weeks = [self._snapshot("week", number) for number in (0, WEEK_BEFORE)]
        for order, name in enumerate(MEASURES, 1):
            measure = {"measure": name, "measure_order": order}
            usual = _usual(name, days[1:], self._oracle.settings.alert_volume)
            for row in (
                self._columns("day", days) | measure | _compared(name, days) | usual,
                self._columns("week", weeks) | measure | _compared(name, weeks) | NOTHING_USUAL,
            ):
                if (row["value_low"], row["previous_value_low"]) != (None, None):
                    yield row

    def _snapshot(self, period: str, number: int) -> Snapshot:
        known = self._as_of - number * DAY
        seen_by = known + SEEN_WITHIN
        start, end = known - 27 * HOUR, known - 3 * HOUR
        if period == "week":
            today = datetime.combine(self._oracle.local(self._as_of).date(), time())
            end = self._oracle.instant(today - number * DAY)
            start = self._oracle.instant(today - (number + 7) * DAY)
        states = [
            state
            for state in self._states
            if start <= state["created_at"] < end and _was_valid(state, seen_by)
        ]
        return Snapshot(states, self._covered.share(self._pair, start, end))

    def _columns(self, period: str, snapshots: Sequence[Snapshot]) -> Record:
        last, previous = snapshots[0], snapshots[-1]
        account, channel = self._pair
        today = self._day(self._as_of)
        return {
            "account": account,
            "channel": channel,
            "channel_order": CHANNEL_ORDER[channel],
            "period": period,
            "period_order": PERIODS.index(period) + 1,
            "as_of": self._as_of,
            "first_day": today - 7 * DAY
            if period == "week"
            else self._day(self._as_of - 27 * HOUR),
            "last_day": today - DAY if period == "week" else self._day(self._as_of - 3 * HOUR),
            "operations": len(last.states),
            "previous_operations": len(previous.states),
            "covered_share": _double(last.covered),
            "previous_covered_share": _double(previous.covered),
        }

    def _day(self, instant: datetime) -> date:
        return self._oracle.local(instant).date()


def _as_of(oracle: Oracle, pair: Pair) -> datetime | None:
    """When the account and channel were last read."""
    read = [
        row["read_at"] for row in oracle.world.coverage if (row["account"], row["channel"]) == pair
    ]
    synced = [
        row["last_synced_at"]
        for row in oracle.operations
        if (row["account"], row["channel"]) == pair
    ]
    return max(read or synced, default=None)


def _was_valid(state: Record, instant: datetime) -> bool:
    return bool(
        state["valid_from"] <= instant
        and (state["valid_to"] is None or state["valid_to"] > instant)
    )


def _compared(name: str, snapshots: Sequence[Snapshot]) -> Record:
    """A measure of the first and the last snapshot, and its change."""
    now, before = MEASURES[name](snapshots[0]), MEASURES[name](snapshots[-1])
    is_comparable = snapshots[0].is_covered and snapshots[-1].is_covered
    change = growth = None
    if is_comparable and now.value is not None and before.value is not None:
        if name != "requested":
            change = now.value - before.value
        elif before.value > 0:
            growth = now.value / before.value - 1
    return {
        **now.columns(),
        **before.columns("previous_"),
        "value_but_largest": _but_largest(name, snapshots[0]),
        "change": change,
        "growth": growth,
    }


NOTHING_USUAL: Final[Record] = {
    "usual_low": None,
    "usual_high": None,
    "usual_but_largest_low": None,
    "usual_but_largest_high": None,
    "usual_days": 0,
}


def _usual(name: str, days: Sequence[Snapshot], volume: int) -> Record:
    """The range of a measure over the covered days before with enough volume."""
    measured = [(day, MEASURES[name](day)) for day in days if day.is_covered]
    usual = [
        (day, each)
        for day, each in measured
        if _volume(name, each) >= volume and each.value_low is not None
    ]
    low, _ = _middle([each.value_low for _, each in usual])
    _, high = _middle([each.value_high for _, each in usual])
    rest = _middle([_but_largest(name, day) for day, _ in usual])
    return {
        "usual_low": low,
        "usual_high": high,
        "usual_but_largest_low": rest[0],
        "usual_but_largest_high": rest[1],
        "usual_days": len(usual),
    }


def _middle(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """The range of values without the lowest and the highest third."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None, None
    left_out = (len(known) - 1) // 3
    return known[left_out], known[-1 - left_out]


def _volume(name: str, measured: Measured) -> int:
    volume = measured.numerator_low if name == "requested" else measured.denominator_low
    return -1 if volume is None else volume


def _double(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
