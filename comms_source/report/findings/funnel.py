"""The outcomes of what was requested, as parts that add up to it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from comms_source.report.data.sums import Share, Sums, rate

Kind = Literal["stage", "open", "loss"]
_Outcome = tuple[str, Kind, int | None, int | None]
"""The name and kind of an outcome, and the ends of its number."""


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

    def stage(name: str, kind: Kind, low: int, high: int | None = None) -> Stage:
        upper = low if high is None else high
        part_of = "delivered" if name == engaged else None
        share = rate(low, upper, whole)
        return Stage(name=name, kind=kind, low=low, high=upper, share=share, part_of=part_of)

    outcomes = [
        stage(name, kind, low, high)
        for name, kind, low, high in _outcomes(sums, engaged)
        if low is not None
    ]
    parts = [outcome for outcome in outcomes if outcome.part_of is None]
    left = max(0, whole - sum(part.low for part in parts))
    # Each recipient without an address is one resource of the request, as far as there is room.
    unaddressable = min(left, sums.unaddressable or 0)
    rest = left - unaddressable - sum(part.high - part.low for part in parts)
    return Funnel(
        operations=sums.operations,
        requested=whole,
        stages=[
            stage("requested", "stage", whole),
            *outcomes,
            *([stage("unaddressable", "loss", unaddressable)] if unaddressable else []),
            *([stage("no status", "open", rest)] if rest > 0 else []),
        ],
        unknown=[
            *([] if sums.has_receipts else ["delivered"]),
            *([engaged] if engaged and sums.engaged is None else []),
        ],
    )


def _outcomes(sums: Sums, engaged: str | None) -> Iterator[_Outcome]:
    if sums.has_receipts:
        yield "delivered", "stage", sums.delivered_low, sums.delivered_high
        if engaged:
            yield engaged, "stage", sums.engaged, sums.engaged
    else:
        yield "accepted", "stage", sums.accepted, sums.accepted
    yield "undelivered", "loss", sums.undelivered or None, sums.undelivered
    yield "failed", "loss", sums.failed, sums.failed
    yield "unconfirmed", "open", sums.unconfirmed_low, sums.unconfirmed_high
    yield "in flight", "open", sums.in_flight_low, sums.in_flight_high
    yield "canceled", "loss", sums.canceled or None, sums.canceled
