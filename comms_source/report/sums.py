"""What operations add up to, and the shares of those sums. Pure.

A share of several days, or of several accounts, is a ratio of sums and never a mean of shares. A
sum that no operation tells is None, never 0.
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
    """Sums over operations; `..._known` is how many of them tell what is summed."""

    operations: int = 0
    resources: int | None = None
    resources_known: int = 0
    attempted: int | None = None
    attempted_known: int = 0
    sent: int | None = None
    sent_known: int = 0
    reached_low: int | None = None
    reached_high: int | None = None
    reached_known: int = 0
    engaged: int | None = None
    engaged_known: int = 0
    undelivered: int | None = None
    undelivered_known: int = 0
    failed: int | None = None
    failed_known: int = 0
    canceled: int | None = None
    canceled_known: int = 0
    in_flight: int | None = None
    in_flight_known: int = 0
    outcome_low: int | None = None
    """Resources that reached their recipient, of operations that also tell what was missed."""
    outcome_high: int | None = None
    missed: int | None = None
    """Resources that were undelivered or failed, of operations that also tell what arrived."""
    engageable_low: int | None = None
    """Resources that reached their recipient, of operations that also tell what was engaged."""
    engageable_high: int | None = None
    engaged_of_reached: int | None = None
    accepted: int | None = None
    offered: int | None = None
    unaddressable: int | None = None
    addressed: int | None = None

    def __add__(self, other: Sums) -> Sums:
        added: dict[str, Any] = {
            field.name: _plus(getattr(self, field.name), getattr(other, field.name))
            for field in fields(Sums)
        }
        return Sums(**added)

    @property
    def delivery(self) -> Share | None:
        """The share of known outcomes that are deliveries."""
        return _share(
            (self.outcome_low, _plus_known(self.outcome_low, self.missed)),
            (self.outcome_high, _plus_known(self.outcome_high, self.missed)),
        )

    @property
    def engagement(self) -> Share | None:
        """The share of deliveries that were read or opened."""
        part = self.engaged_of_reached
        return _share((part, self.engageable_high), (part, self.engageable_low))

    @property
    def acceptance(self) -> Share | None:
        """The share of pushes that the provider took."""
        return _share((self.accepted, self.offered), (self.accepted, self.offered))

    @property
    def unaddressable_share(self) -> Share | None:
        """The share of recipients that nothing could be sent to."""
        ends = (self.unaddressable, self.addressed)
        return _share(ends, ends)


def success(sums: Sums, channel: str) -> Share | None:
    """What tells best whether a channel works: deliveries, or for pushes what was accepted."""
    return sums.acceptance if channel == "push_notifications" else sums.delivery


def decided(sums: Sums, channel: str) -> int:
    """How many resources `success` is a share of, at least."""
    if channel == "push_notifications":
        return sums.offered or 0
    return (sums.outcome_low or 0) + (sums.missed or 0)


def _plus(left: int | None, right: int | None) -> int | None:
    """The sum of what is known of two sums."""
    if left is None or right is None:
        return left if right is None else right
    return left + right


def _plus_known(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right


def _share(*ends: tuple[int | None, int | None]) -> Share | None:
    shares = [part / whole for part, whole in ends if part is not None and whole]
    return Share(*(min(1.0, share) for share in shares)) if len(shares) == len(ends) else None
