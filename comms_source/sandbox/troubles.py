"""Delivery troubles: what goes wrong with operations, not with responses.

A trouble applies to the operations created in a span of time. It changes the outcomes of their
recipients when their lifecycles are planned, so it has no state. Its effects become visible at the
usual pace: unaddressable recipients and failures soon, a missing receipt only after a long wait.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgspec

from comms_source.channels import CHANNELS, Channel
from comms_source.sandbox.faults import entries_of
from comms_source.sandbox.instants import from_ms
from comms_source.sandbox.lifecycles import Lifecycle
from comms_source.sandbox.pseudo_random import fraction
from comms_source.timespans import parse_instant

# Salts for the keys of operations; those up to 103 are used elsewhere.
_CHOSEN: Final = 104
_ROUNDED: Final = 105


@dataclass(frozen=True, slots=True)
class Trouble:
    """A trouble with the operations created from `start` on and before `end`.

    Raises:
        ValueError: if a value is unknown or out of range; the message names the field.
    """

    kind: str
    """One of `KINDS`."""
    start: datetime
    """The first creation time that it applies to, with a time zone."""
    end: datetime
    """The first creation time that it no longer applies to, with a time zone."""
    channel: str | None = None
    """The channel's name, or None for all channels that have the counter."""
    part: float | None = None
    """How large the trouble is; None for the default of its kind.

    `no_receipts`: the part of the operations without delivery receipts.
    `failed_up`: the part of what an operation would hand over that fails instead.
    `delivery_down`: the part of what an operation handed over that is undelivered instead of
    delivered.
    `unaddressable_up`: the factor by which the unaddressable recipients of an operation grow.
    `stalled`: the part of an operation that is processed before it stops.
    """

    def __post_init__(self) -> None:
        kind, channel = self.kind, self.channel
        if kind not in KINDS:
            raise ValueError(f"kind: {kind!r} is not one of {', '.join(KINDS)}")
        for name in ("start", "end"):
            if getattr(self, name).tzinfo is None:
                raise ValueError(f"{name}: expected a time with a zone")
        if self.end <= self.start:
            raise ValueError("end: expected a time after start")
        if channel not in {None, *CHANNELS}:
            raise ValueError(f"channel: {channel!r} is not one of {', '.join(CHANNELS)}")
        counter = KINDS[kind].counter
        if channel is not None and counter not in CHANNELS[channel].counters:
            raise ValueError(f"channel: {channel} has no counter {counter}, which {kind} needs")
        part = self.applied_part
        if kind == "unaddressable_up" and not 1 <= part < math.inf:
            raise ValueError(f"part: expected a factor of at least 1 for {kind}")
        if kind != "unaddressable_up" and not 0 <= part <= 1:
            raise ValueError(f"part: expected 0 to 1 for {kind}")

    @property
    def applied_part(self) -> float:
        """The part, or the default of its kind."""
        return KINDS[self.kind].default_part if self.part is None else self.part


def troubles_from(data: Any) -> tuple[Trouble, ...]:
    """Troubles from plain data, as parsed from JSON or TOML.

    Times may be text, and are in UTC if they have no zone.

    Raises:
        ValueError: if it is not a list of troubles; unknown keys are refused too.
    """
    entries = [
        {
            name: _instant(name, value) if name in {"start", "end"} else value
            for name, value in entry.items()
        }
        for entry in entries_of(data, Trouble)
    ]
    return tuple(msgspec.convert(entries, list[Trouble]))


def troubles_of(channel: Channel, troubles: Iterable[Trouble]) -> tuple[Trouble, ...]:
    """The troubles that `channel` can show, in the order in which they are to be applied."""
    mine = (
        trouble
        for trouble in troubles
        if trouble.channel in {None, channel.name}
        and KINDS[trouble.kind].counter in channel.counters
    )
    return tuple(sorted(mine, key=lambda trouble: list(KINDS).index(trouble.kind)))


def apply_troubles(life: Lifecycle, troubles: Iterable[Trouble], *, key: int) -> Lifecycle:
    """The lifecycle of the operation with `key` under the troubles at its creation time."""
    created = from_ms(life.created)
    for trouble in troubles:
        if trouble.start <= created < trouble.end:
            life = KINDS[trouble.kind].effect(life, trouble.applied_part, key)
    return life


def _instant(name: str, value: Any) -> datetime:
    try:
        return parse_instant(value)
    except (ValueError, AttributeError):
        raise ValueError(f"{name}: {value!r} is not a date and time") from None


def _without_receipts(life: Lifecycle, part: float, key: int) -> Lifecycle:
    chosen = fraction(key, _CHOSEN) < part
    return replace(life, delivered=0, read=0) if chosen else life


def _failed_more(life: Lifecycle, part: float, key: int) -> Lifecycle:
    """The outcomes of what is handed over all the same keep their proportions."""
    before = life.addressable - life.failed
    failing = _rounded(before * part, key)
    if not failing:
        return life
    after = before - failing
    undelivered = life.undelivered * after // before
    without_receipt = before - life.undelivered - life.delivered
    return replace(
        life,
        failed=life.failed + failing,
        undelivered=undelivered,
        delivered=after - undelivered - without_receipt * after // before,
        read=life.read * after // before,
    )


def _delivered_less(life: Lifecycle, part: float, key: int) -> Lifecycle:
    handed = life.addressable - life.failed
    failing = min(life.delivered, _rounded(handed * part, key))
    if not failing:
        return life
    delivered = life.delivered - failing
    return replace(
        life,
        undelivered=life.undelivered + failing,
        delivered=delivered,
        read=life.read * delivered // life.delivered,
    )


def _more_unaddressable(life: Lifecycle, part: float, key: int) -> Lifecycle:
    """The outcomes of the other recipients keep their proportions."""
    unaddressable = _rounded(min(life.total, life.unaddressable * part), key)
    before, after = life.addressable, life.total - unaddressable
    if unaddressable == life.unaddressable or not before:
        return life
    failed, undelivered = life.failed * after // before, life.undelivered * after // before
    without_receipt = before - life.failed - life.undelivered - life.delivered
    return replace(
        life,
        unaddressable=unaddressable,
        failed=failed,
        undelivered=undelivered,
        delivered=after - failed - undelivered - without_receipt * after // before,
        read=life.read * after // before,
    )


def _stalled(life: Lifecycle, part: float, key: int) -> Lifecycle:  # noqa: ARG001
    """Canceled operations and group messages are not processed."""
    return life if life.kind in {"canceled", "group"} else replace(life, processed_share=part)


def _rounded(count: float, key: int) -> int:
    """Rounded up or down by the key, so that it is right on average in small operations too."""
    whole = int(count)
    return whole + (fraction(key, _ROUNDED) < count - whole)


@dataclass(frozen=True, slots=True)
class TroubleKind:
    """What a kind of trouble does."""

    default_part: float
    counter: str
    """The counter that a channel needs to show it."""
    effect: Callable[[Lifecycle, float, int], Lifecycle]
    """How it changes a lifecycle, given its part and the operation's key."""


KINDS: Final[Mapping[str, TroubleKind]] = {
    "unaddressable_up": TroubleKind(2.0, "unaddressable", _more_unaddressable),
    "failed_up": TroubleKind(0.5, "failed", _failed_more),
    "delivery_down": TroubleKind(0.1, "undelivered", _delivered_less),
    "no_receipts": TroubleKind(1.0, "delivered", _without_receipts),
    "stalled": TroubleKind(0.5, "queued", _stalled),
}
"""All kinds of troubles, in the order in which they are applied."""
