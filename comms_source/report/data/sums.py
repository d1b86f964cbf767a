"""Sums over operations, and the rates of those sums. Pure.

A rate of several days, or of several accounts, is a ratio of sums and never a mean of rates. A sum
that is not known for any operation is None, never 0. The names are those of the view
`daily_delivery`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole, from 0 to 1: at least `low`, at most `high`."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Sums over operations, as the columns of `daily_delivery` name them."""

    operations: int = 0
    requested: int | None = None
    recipients: int | None = None
    unaddressable: int | None = None
    scheduled: int | None = None
    queued: int | None = None
    canceled: int | None = None
    undelivered: int | None = None
    failed: int | None = None
    not_delivered: int | None = None
    engaged: int | None = None
    delivered_low: int | None = None
    delivered_high: int | None = None
    attempted: int | None = None
    in_flight_low: int | None = None
    in_flight_high: int | None = None
    unconfirmed_low: int | None = None
    unconfirmed_high: int | None = None
    accepted: int | None = None

    def __add__(self, other: Sums) -> Sums:
        added: dict[str, Any] = {
            field.name: plus(getattr(self, field.name), getattr(other, field.name))
            for field in fields(Sums)
        }
        return Sums(**added)

    @property
    def delivery(self) -> Share | None:
        """The share of what was attempted that was delivered."""
        return rate(self.delivered_low, self.delivered_high, self.attempted)

    @property
    def delivery_of_known(self) -> Share | None:
        """The share of known outcomes that are deliveries."""
        ends = (self.delivered_low, self.delivered_high)
        return between(*(rate(end, end, both(end, self.not_delivered)) for end in ends))

    @property
    def not_delivered_share(self) -> Share | None:
        """The share of what was attempted that was undelivered or failed."""
        return rate(self.not_delivered, self.not_delivered, self.attempted)

    @property
    def without_outcome(self) -> Share | None:
        """The share of what was attempted that is neither delivered nor failed, so far."""
        if self.attempted is None or self.not_delivered is None:
            return None
        rest = self.attempted - self.not_delivered
        ends = (self.delivered_high, self.delivered_low)
        low, high = (None if end is None else max(0, rest - end) for end in ends)
        return rate(low, high, self.attempted)

    @property
    def unconfirmed_share(self) -> Share | None:
        """The share of what was attempted that is settled and never got an outcome."""
        return rate(self.unconfirmed_low, self.unconfirmed_high, self.attempted)

    @property
    def engagement(self) -> Share | None:
        """The share of deliveries that were read or opened."""
        low = rate(self.engaged, self.engaged, self.delivered_high)
        high = rate(self.engaged, self.engaged, self.delivered_low)
        return between(low, high)

    @property
    def acceptance(self) -> Share | None:
        """The share of what was offered to a carrier or push service that it accepted."""
        return rate(self.accepted, self.accepted, both(self.accepted, self.failed))

    @property
    def unaddressable_share(self) -> Share | None:
        """The share of recipients without an address."""
        return rate(self.unaddressable, self.unaddressable, self.recipients)

    @property
    def has_receipts(self) -> bool:
        """Whether deliveries are known at all; for pushes the API documents acceptance only."""
        return self.attempted is not None or self.accepted is None

    @property
    def success(self) -> Share | None:
        """The share delivered, or if that is not known, the share accepted."""
        return self.delivery if self.has_receipts else self.acceptance

    @property
    def success_name(self) -> str:
        """What `success` is: delivered or accepted."""
        return "delivered" if self.has_receipts else "accepted"


def plus(left: int | None, right: int | None) -> int | None:
    """The sum of two sums; an unknown one is left out."""
    if left is None or right is None:
        return left if right is None else right
    return left + right


def both(left: int | None, right: int | None) -> int | None:
    """The sum of two numbers; None unless both are known."""
    return None if left is None or right is None else left + right


def rate(low: float | None, high: float | None, whole: float | None) -> Share | None:
    """A part of a whole as a share; None if the whole is 0 or a value is not known."""
    if low is None or high is None or not whole or whole < 0:
        return None
    return Share(min(1.0, low / whole), min(1.0, high / whole))


def between(low: Share | None, high: Share | None) -> Share | None:
    """From the lower end of one share to the upper end of another; None unless both are known."""
    return Share(low.low, high.high) if low and high else None
