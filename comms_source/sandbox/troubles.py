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
from types import MappingProxyType
from typing import Any, Final

import msgspec

from comms_source.channels import CHANNELS, Channel
from comms_source.sandbox.instants import from_ms
from comms_source.sandbox.lifecycles import Lifecycle
from comms_source.sandbox.pseudo_random import fraction
from comms_source.timespans import parse_instant

DEFAULT_PARTS: Final[Mapping[str, float]] = MappingProxyType(
    {"unaddressable_up": 2.0, "delivery_down": 0.1, "no_receipts": 1.0}
)
"""The default part of a trouble, by kind."""

KINDS: Final = tuple(DEFAULT_PARTS)
"""All kinds, in the order in which they are applied."""

_NEEDED_COUNTER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "unaddressable_up": "unaddressable",
        "delivery_down": "undelivered",
        "no_receipts": "delivered",
    }
)
"""The counter that a channel needs to show a trouble."""

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
    `delivery_down`: the part of what an operation handed over that is undelivered instead of
    delivered.
    `unaddressable_up`: the factor by which the unaddressable recipients of an operation grow.
    """

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: {self.kind!r} is not one of {', '.join(KINDS)}")
        for name in ("start", "end"):
            if getattr(self, name).tzinfo is None:
                raise ValueError(f"{name}: expected a time with a zone")
        if self.end <= self.start:
            raise ValueError("end: expected a time after start")
        if self.channel is not None:
            _check_channel(self.channel, self.kind)
        _check_part(self.applied_part, self.kind)

    @property
    def applied_part(self) -> float:
        """The part, or the default of its kind."""
        return DEFAULT_PARTS[self.kind] if self.part is None else self.part


def troubles_from(data: Any) -> tuple[Trouble, ...]:
    """Troubles from plain data, as parsed from JSON or TOML.

    Times may be text, and are in UTC if they have no zone.

    Raises:
        ValueError: if it is not a list of troubles; unknown keys are refused too.
    """
    try:
        entries = msgspec.convert(data, list[dict[str, Any]])
    except msgspec.ValidationError as error:
        raise ValueError(f"expected a list of troubles: {error}") from None
    unknown = {key for entry in entries for key in entry} - set(Trouble.__dataclass_fields__)
    if unknown:
        raise ValueError(f"a trouble has no {', '.join(sorted(unknown))}")
    return tuple(msgspec.convert(_with_instants(entry), Trouble) for entry in entries)


def troubles_of(channel: Channel, troubles: Iterable[Trouble]) -> tuple[Trouble, ...]:
    """The troubles that `channel` can show, in the order in which they are to be applied."""
    mine = (
        trouble
        for trouble in troubles
        if trouble.channel in {None, channel.name}
        and _NEEDED_COUNTER[trouble.kind] in channel.counters
    )
    return tuple(sorted(mine, key=lambda trouble: KINDS.index(trouble.kind)))


def apply_troubles(life: Lifecycle, troubles: Iterable[Trouble], *, key: int) -> Lifecycle:
    """The lifecycle of the operation with `key` under the troubles at its creation time."""
    created = from_ms(life.created)
    for trouble in troubles:
        if trouble.start <= created < trouble.end:
            life = _EFFECTS[trouble.kind](life, trouble.applied_part, key)
    return life


def _check_channel(channel: str, kind: str) -> None:
    if channel not in CHANNELS:
        raise ValueError(f"channel: {channel!r} is not one of {', '.join(CHANNELS)}")
    counter = _NEEDED_COUNTER[kind]
    if counter not in CHANNELS[channel].counters:
        raise ValueError(f"channel: {channel} has no counter {counter}, which {kind} needs")


def _check_part(part: float, kind: str) -> None:
    if kind == "unaddressable_up":
        if not 1 <= part < math.inf:
            raise ValueError(f"part: expected a factor of at least 1 for {kind}")
    elif not 0 <= part <= 1:
        raise ValueError(f"part: expected 0 to 1 for {kind}")


def _with_instants(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _instant(key, value) if key in {"start", "end"} else value
        for key, value in entry.items()
    }


def _instant(name: str, value: Any) -> datetime:
    try:
        return parse_instant(value)
    except (ValueError, AttributeError):
        raise ValueError(f"{name}: {value!r} is not a date and time") from None


def _without_receipts(life: Lifecycle, part: float, key: int) -> Lifecycle:
    chosen = fraction(key, _CHOSEN) < part
    return replace(life, delivered=0, read=0) if chosen else life


def _delivered_less(life: Lifecycle, part: float, key: int) -> Lifecycle:
    handed = _addressable(life) - life.failed
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
    before, after = _addressable(life), life.total - unaddressable
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


def _addressable(life: Lifecycle) -> int:
    return 0 if life.kind == "group" else life.total - life.unaddressable


def _rounded(count: float, key: int) -> int:
    """Rounded up or down by the key, so that it is right on average in small operations too."""
    whole = int(count)
    return whole + (fraction(key, _ROUNDED) < count - whole)


_EFFECTS: Final[Mapping[str, Callable[[Lifecycle, float, int], Lifecycle]]] = MappingProxyType(
    {
        "unaddressable_up": _more_unaddressable,
        "delivery_down": _delivered_less,
        "no_receipts": _without_receipts,
    }
)
"""How each kind of trouble changes a lifecycle, given its part and the operation's key."""
