"""The lifecycle of one operation: planned once, then a pure function of the time.

An operation waits if it is scheduled, is processed at a number of resources per second, and ends.
Deliveries and reads go on for days after that. Failures are known first, at once or within a few
minutes. Deliveries take minutes to hours, reads hours to days. The counters change at increasing
intervals, and `updatedAt` is the last change. In some operations `updatedAt` does not change after
completion, because it is not documented whether it changes with late counters.

Times are milliseconds since the Unix epoch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from comms_source.channels import Channel
from comms_source.sandbox.pseudo_random import mix

SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR
SETTLED_AFTER: Final = 6 * DAY
"""The maximum time from the first attempt to the last change of a counter."""

Kind = Literal["sent", "scheduled", "far_scheduled", "canceled", "unaddressable", "group"]
_KINDS: Final[tuple[tuple[float, Kind], ...]] = (
    (0.78, "sent"),
    (0.87, "scheduled"),
    (0.88, "far_scheduled"),
    (0.92, "canceled"),
    (0.96, "unaddressable"),
    (1.00, "group"),
)


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The planned lifecycle of one operation."""

    channel: Channel
    created: int
    kind: Kind
    total: int
    recipients: int
    start: int
    """When its first resource is processed, or when it is canceled."""
    end: int
    """When its last resource is processed."""
    unaddressable: int
    failed: int
    undelivered: int
    delivered: int
    """The final number delivered, read ones included."""
    read: int
    """The final number read (opened)."""
    delivery_pace: float
    """The time after which about two thirds of the deliveries are known."""
    read_pace: float
    fallback: float
    """Additional attempts per resource."""
    frozen_update: bool
    processed_share: float = 1.0
    """How much of it is processed; if less than 1, it stays PROCESSING, and the rest is queued."""

    @property
    def addressable(self) -> int:
        """How many of its resources are handed over, or fail."""
        return 0 if self.kind == "group" else self.total - self.unaddressable


def plan_lifecycle(*, channel: Channel, created: int, key: int) -> Lifecycle:
    """The lifecycle of the operation with this key."""
    # Four 64-bit hashes give sixteen rolls of 16 bits.
    rolls = [
        (bits >> shift & 0xFFFF) / 0x10000
        for bits in (mix(key, part) for part in range(4))
        for shift in (0, 16, 32, 48)
    ]
    roll = rolls.__getitem__

    kind = _kind(channel, roll(1))
    total = 1 if kind == "group" else max(1, int(10 ** (4 * roll(2) ** 1.5)))
    unaddressable = _unaddressable(channel, kind, total, roll(3))
    addressable = 0 if kind == "group" else total - unaddressable
    failed = int(addressable * 0.06 * roll(4))
    undelivered = int((addressable - failed) * 0.10 * roll(5))
    deliverable = addressable - failed - undelivered
    # The number without a receipt is rounded down, so that it is small in small operations too.
    without_receipt = int(deliverable * 0.04 * (1 - roll(6)))
    delivered = deliverable - without_receipt
    start = created + _delay(kind, roll(7))
    return Lifecycle(
        channel=channel,
        created=created,
        kind=kind,
        total=total,
        recipients=2 + int(8 * roll(8)) if kind == "group" else total,
        start=start,
        end=start + 2 * SECOND + int(total * (5 + 20 * roll(9))),
        unaddressable=unaddressable,
        failed=failed,
        undelivered=undelivered,
        delivered=delivered,
        read=int(delivered * 0.7 * roll(10)),
        delivery_pace=MINUTE * 60 ** roll(11),
        read_pace=HOUR * 24 ** roll(12),
        fallback=0.5 * roll(13) if roll(14) < 0.2 else 0.0,  # noqa: PLR2004
        frozen_update=roll(15) < 0.1,  # noqa: PLR2004
    )


@dataclass(frozen=True, slots=True)
class State:
    """The state of an operation at one time, as the API returns it."""

    status: str
    stats: dict[str, int]
    updated: int


def state_at(life: Lifecycle, now: int, *, cumulative: bool) -> State:
    """The state at `now`, which must not be before the creation."""
    if now < life.start:
        return _show(life, "SCHEDULED", {"scheduled": life.total}, life.created)
    if life.kind == "canceled":
        return _show(life, "CANCELED", {"canceled": life.total}, life.start)
    changed = last_change(life, now)
    has_ended = now >= life.end and life.processed_share >= 1
    status = "COMPLETED" if has_ended else "PROCESSING"
    updated = min(changed, life.end) if life.frozen_update else changed
    return _show(life, status, counts_at(life, changed, cumulative=cumulative), updated)


def last_change(life: Lifecycle, now: int) -> int:
    """The last instant up to `now` at which a counter could change, at increasing intervals."""
    age = min(now - life.start, max(SETTLED_AFTER, life.end - life.start))
    if age < SECOND:
        return life.start
    step = math.floor(math.log(age / SECOND, 1.2))
    tick = life.start + int(SECOND * 1.2**step)
    # Whole steps, but the end of processing is always one of them.
    if tick < life.end <= now:
        return life.end
    return min(tick, now) if age < SETTLED_AFTER else life.start + age


def change_times(life: Lifecycle) -> list[int]:
    """Every instant that `last_change` may return from the start on, in order."""
    steps = math.ceil(math.log(SETTLED_AFTER / SECOND, 1.2))
    ticks = {life.start + int(SECOND * 1.2**step) for step in range(steps)}
    return sorted(ticks | {life.start, life.end, life.start + SETTLED_AFTER})


def counts_at(life: Lifecycle, now: int, *, cumulative: bool) -> dict[str, int]:
    """The counts at `now`, one of the instants of `last_change`, of an operation that has begun."""
    age, duration = now - life.start, life.end - life.start
    past = min(age, int(duration * life.processed_share))
    # Integers, rounded down, so that the parts never exceed what was handed over.
    failed = life.failed * past // duration
    handed = (life.addressable - life.failed) * past // duration
    undelivered = life.undelivered * past // duration
    delivered = life.delivered * past // duration
    read = life.read * past // duration
    if age < SETTLED_AFTER:
        undelivered = _known(undelivered, age, min(MINUTE, life.delivery_pace / 10))
        delivered = _known(delivered, age, life.delivery_pace)
        read = min(_known(read, age, life.read_pace), delivered)
    processed = handed + failed
    exclusive = not cumulative and "delivered" in life.channel.counters
    return {
        "queued": life.addressable - processed,
        "failed": failed,
        "undelivered": undelivered,
        "sent": handed - delivered - undelivered if exclusive else handed,
        "delivered": delivered - read if exclusive else delivered,
        "read": read,
        "opened": read,
        "unaddressable": life.unaddressable * min(age, duration) // duration,
        "attempts": 1 if life.kind == "group" else processed + int(processed * life.fallback),
    }


def _kind(channel: Channel, roll: float) -> Kind:
    kind = next(kind for limit, kind in _KINDS if roll < limit)
    if kind == "group" and "read" not in channel.counters:
        return "sent"
    return "sent" if kind == "unaddressable" and kind not in channel.counters else kind


def _unaddressable(channel: Channel, kind: Kind, total: int, roll: float) -> int:
    if "unaddressable" not in channel.counters or kind == "group":
        return 0
    return total if kind == "unaddressable" and roll < 0.5 else int(total * 0.05 * roll)  # noqa: PLR2004


def _delay(kind: Kind, roll: float) -> int:
    if kind == "far_scheduled":
        return int((8 + 4 * roll) * DAY)
    return int((1 + 47 * roll) * HOUR) if kind in {"scheduled", "canceled"} else 0


def _known(count: int, age: int, pace: float) -> int:
    """How many of `count` are known: about two thirds after `pace`, rounded to the nearest."""
    return int(count * (1 - math.exp(-age / pace)) + 0.5)


def _show(life: Lifecycle, status: str, counts: dict[str, int], updated: int) -> State:
    counts |= {"total": life.total, "recipients": life.recipients}
    stats = {name: counts.get(name, 0) for name in life.channel.counters}
    return State(status, stats, updated)
