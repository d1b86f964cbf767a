"""The counters of one operation or state, and their outcomes, in plain Python."""

from __future__ import annotations

from typing import Final

from comms_source.channels import CHANNELS
from tests.views.sums import less, plus, sensible
from tests.views.view_tables import Operation, Record

COUNTERS: Final = {
    "requested": "total",
    "recipients": "recipients",
    "attempts": "attempts",
    "unaddressable": "unaddressable",
    "scheduled": "scheduled",
    "queued": "queued",
    "api_sent": "sent",
    "api_delivered": "delivered",
    "read": "read",
    "opened": "opened",
    "undelivered": "undelivered",
    "failed": "failed",
    "canceled": "canceled",
}
"""The counter of the API, by column of the views."""

Interval = tuple[int | None, int | None]
"""The lower and the upper end."""

UNKNOWN: Final[Interval] = (None, None)


class Counted:
    """One operation or state; a counter that is missing or invalid is None."""

    def __init__(self, shown: Operation) -> None:
        """Read the counters."""
        counters = CHANNELS[shown.channel].counters
        self.shown = shown
        self.given = {name: shown.counters.get(counter) for name, counter in COUNTERS.items()}
        self.value = {name: sensible(value) for name, value in self.given.items()}
        self.has_outcomes = "delivered" in counters
        self.has_engagement = "read" in counters or "opened" in counters

    @property
    def has_invalid_counter(self) -> bool:
        """Whether a counter has an invalid value."""
        return self.given != self.value

    @property
    def engaged(self) -> int | None:
        """How many resources were read or opened."""
        return self.value["opened"] if self.value["read"] is None else self.value["read"]

    @property
    def later(self) -> int | None:
        """The number in the state after delivery; 0 if the channel has no such state."""
        return _or_zero(self.engaged, needed=self.has_engagement)

    @property
    def undelivered(self) -> int | None:
        """Resources that were sent and not delivered; 0 if the channel does not count them."""
        return _or_zero(self.value["undelivered"], needed=self.has_outcomes)

    @property
    def status_sum(self) -> int | None:
        """The sum over all states, if each resource is in one of them."""
        delivered = _or_zero(self.value["api_delivered"], needed=self.has_outcomes)
        return plus(self.stage_sum, delivered, self.later, self.undelivered)

    @property
    def stage_sum(self) -> int | None:
        """The sum over the states that do not overlap if `sent` includes later states."""
        names = ("scheduled", "queued", "api_sent", "failed", "canceled")
        return plus(*(self.value[name] for name in names))

    @property
    def is_counted(self) -> bool:
        """Whether all counters that outcomes need are known."""
        return None not in (self.value["requested"], self.status_sum)

    @property
    def rules_out_exclusive(self) -> bool:
        """Whether the sum over the states exceeds the number of resources."""
        return less(self.value["requested"], self.status_sum)

    @property
    def rules_out_cumulative(self) -> bool:
        """Whether a stage has more resources than the stage before it."""
        delivered = self.value["api_delivered"]
        return (
            less(self.value["requested"], self.stage_sum)
            or less(self.value["api_sent"], plus(delivered, self.undelivered))
            or less(delivered, self.later)
        )

    @property
    def is_inconsistent(self) -> bool:
        """Whether no mode fits."""
        return self.rules_out_exclusive and self.rules_out_cumulative


def _or_zero(value: int | None, *, needed: bool) -> int | None:
    return value if needed or value is not None else 0


def outcomes(counted: Counted, mode: str) -> Record:
    """The outcomes of the resources, in a counter mode."""
    delivered, outstanding = _delivered(counted, mode), _outstanding(counted, mode)
    return {
        "waiting": plus(counted.value["scheduled"], counted.value["queued"]),
        "delivered_low": delivered[0],
        "delivered_high": delivered[1],
        "not_delivered": _not_delivered(counted),
        "attempted": _attempted(counted, mode),
        "outstanding_low": outstanding[0],
        "outstanding_high": outstanding[1],
        "accepted": _accepted(counted, mode),
        "offered": plus(_accepted(counted, mode), counted.value["failed"]),
    }


def _not_delivered(counted: Counted) -> int | None:
    if not counted.is_counted:
        return None
    return plus(counted.undelivered, counted.value["failed"])


def _delivered(counted: Counted, mode: str) -> Interval:
    delivered, later = counted.value["api_delivered"], counted.later
    requested = counted.value["requested"]
    if not counted.is_counted or delivered is None or later is None or requested is None:
        return UNKNOWN
    if mode == "exclusive":
        return delivered + later, delivered + later
    if mode == "cumulative":
        return delivered, delivered
    low = max(delivered, later)
    return low, max(low, min(delivered + later, requested))


def _attempted(counted: Counted, mode: str) -> int | None:
    never = [counted.value[name] for name in ("scheduled", "queued", "canceled")]
    left_out = plus(*never, _unaddressable_requested(counted, mode))
    requested = counted.value["requested"]
    if not counted.is_counted or requested is None or left_out is None:
        return None
    if counted.value["api_delivered"] is None or counted.status_sum == 0:
        return None
    return max(0, requested - left_out)


def _unaddressable_requested(counted: Counted, mode: str) -> int:
    """The recipients without an address that `total` includes, as far as the sums show it."""
    base = counted.stage_sum if mode == "cumulative" else counted.status_sum
    unaddressable = counted.value["unaddressable"] or 0
    requested, held = counted.value["requested"], plus(base, unaddressable)
    if requested is None or held is None:
        return 0
    return unaddressable if held <= requested else 0


def _outstanding(counted: Counted, mode: str) -> Interval:
    """Resources that were sent and have no outcome so far."""
    sent, delivered = counted.value["api_sent"], counted.value["api_delivered"]
    undelivered = counted.undelivered
    if not counted.is_counted or sent is None or delivered is None or undelivered is None:
        return UNKNOWN
    left = max(0, sent - delivered - undelivered)
    if mode == "exclusive":
        return sent, sent
    if mode == "cumulative":
        return left, left
    return (0, _not_accounted_for(counted, mode)) if counted.is_inconsistent else (left, sent)


def _not_accounted_for(counted: Counted, mode: str) -> int:
    attempted = _attempted(counted, mode) or 0
    delivered, not_delivered = _delivered(counted, mode)[0], _not_delivered(counted)
    return max(0, attempted - (delivered or 0) - (not_delivered or 0))


def _accepted(counted: Counted, mode: str) -> int | None:
    """Resources that the carrier or push service accepted."""
    if not counted.is_counted:
        return None
    sent, delivered = counted.value["api_sent"], counted.value["api_delivered"]
    if delivered is None or mode == "cumulative":
        return sent
    in_later_states = plus(sent, delivered, counted.later, counted.undelivered)
    return in_later_states if mode == "exclusive" or in_later_states == sent else None
