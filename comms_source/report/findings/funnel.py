"""The outcomes of what was requested, as parts that add up to it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from comms_source.report.data.sums import Share, Sums

Kind = Literal["stage", "open", "loss"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Resources that reached a stage, are still open, or were lost; an interval."""

    name: str
    kind: Kind
    low: int
    high: int
    share: Share | None
    """The share of what was requested."""
    part_of: str | None = None
    """The stage that already includes this one, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """What was requested, and the parts that add up to it."""

    operations: int
    requested: int | None
    stages: Sequence[Stage]
    """The first is all that was requested; the ones without `part_of` add up to it."""
    unknown: Sequence[str]
    """What the channel does not report."""


def funnel_of(sums: Sums, *, engaged: str | None) -> Funnel:
    """The funnel of a channel's sums.

    Args:
        sums: The sums over the operations.
        engaged: What engagement is called on this channel; None if it does not report it.
    """
    whole = sums.requested
    if whole is None:
        return Funnel(operations=sums.operations, requested=None, stages=[], unknown=["requested"])

    def stage(name: str, kind: Kind, low: int | None, high: int | None = None) -> list[Stage]:
        if low is None:
            return []
        upper = low if high is None else high
        share = Share(min(1.0, low / whole), min(1.0, upper / whole)) if whole else None
        return [Stage(name=name, kind=kind, low=low, high=upper, share=share)]

    success = (
        stage("delivered", "stage", sums.delivered_low, sums.delivered_high)
        if sums.has_receipts
        else stage("accepted", "stage", sums.accepted)
    )
    outcomes = [
        *success,
        *stage("undelivered", "loss", sums.undelivered or None),
        *stage("failed", "loss", sums.failed),
        *stage("unconfirmed", "open", sums.unconfirmed_low, sums.unconfirmed_high),
        *stage("in flight", "open", sums.in_flight_low, sums.in_flight_high),
        *stage("canceled", "loss", sums.canceled or None),
    ]
    left = max(0, whole - sum(part.low for part in outcomes))
    # Each recipient without an address is one resource of the request, as far as there is room.
    unaddressable = min(left, sums.unaddressable or 0)
    rest = left - unaddressable - sum(part.high - part.low for part in outcomes)
    reading = stage(engaged, "stage", sums.engaged) if engaged and sums.has_receipts else []
    return Funnel(
        operations=sums.operations,
        requested=whole,
        stages=[
            *stage("requested", "stage", whole),
            *outcomes[: len(success)],
            *(replace(part, part_of="delivered") for part in reading),
            *outcomes[len(success) :],
            *(stage("unaddressable", "loss", unaddressable) if unaddressable else []),
            *(stage("no status", "open", rest) if rest > 0 else []),
        ],
        unknown=_unknown(sums, engaged),
    )


def _unknown(sums: Sums, engaged: str | None) -> list[str]:
    names = [] if sums.has_receipts else ["delivered"]
    return [*names, *([engaged] if engaged and sums.engaged is None else [])]
