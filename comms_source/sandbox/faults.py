"""What can go wrong, as data: which fault, on which requests, how often.

A sandbox asks its `FaultBox` for each request; what a kind of fault does to an answer is told by
`model` for whole answers and by `blemishes` for single rows.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from comms_source.channels import CHANNELS
from comms_source.sandbox.chance import fraction

ANSWER_FAULTS: Final = (
    "too_many_requests",
    "unavailable",
    "internal_error",
    "bad_gateway",
    "bad_request",
    "unauthorized",
    "forbidden",
    "not_found",
    "hang",
    "slow",
    "reset",
    "cut",
    "cut_json",
    "html",
    "no_envelope",
    "redirect",
    "echo_secrets",
)
"""Kinds that stand in for the whole answer (or delay it)."""

PAGE_FAULTS: Final = ("repeat_token", "endless_pages")
"""Kinds that make the chain of pages endless."""

ROW_FAULTS: Final = (
    "row_without_id",
    "row_without_created_at",
    "row_with_bad_created_at",
    "row_with_text_counter",
    "new_counter",
    "new_field",
    "lower_case_status",
    "unknown_status",
    "missing_counter",
    "duplicate_row",
)
"""Kinds that alter rows of an otherwise good page."""

KINDS: Final = ANSWER_FAULTS + PAGE_FAULTS + ROW_FAULTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Of the requests that `channel` and `endpoint` name, the fault strikes from the `first` on, each
    `every`-th, at most `count` times, each with `chance`.

    Raises:
        ValueError: where a value is unknown or out of range.
    """

    kind: str
    """One of `KINDS`."""
    channel: str | None = None
    """The channel's name, or None for all."""
    endpoint: Literal["list", "fetch"] | None = None
    """Lists, fetches by id, or None for both."""
    first: int = 1
    """The first request to strike, counted from 1."""
    every: int = 1
    """Strike each so-manieth request from there."""
    count: int | None = None
    """Strike so often at most; None for ever."""
    chance: float = 1.0
    """Strike with this probability, decided by the sandbox's seed."""
    retry_after: str | None = "1"
    """The `Retry-After` of 429 and 503; None to leave the header out."""
    seconds: float = 1.0
    """For how long to `hang`, or by how much to be `slow`."""
    rows: int = 10
    """Row faults alter each so-manieth row of a page, beginning with the first."""
    name: str = "clicked"
    """What a new counter or a new field is called."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: {self.kind!r} is none of {', '.join(KINDS)}")
        if self.channel is not None and self.channel not in CHANNELS:
            raise ValueError(f"channel: {self.channel!r} is none of {', '.join(CHANNELS)}")
        if self.endpoint not in {None, "list", "fetch"}:
            raise ValueError(f"endpoint: {self.endpoint!r} is neither list nor fetch")
        if min(self.first, self.every, self.rows) < 1 or not 0 <= self.chance <= 1:
            raise ValueError("first, every and rows count from 1; chance lies between 0 and 1")
        if self.seconds < 0 or (self.count is not None and self.count < 0):
            raise ValueError("seconds and count cannot be negative")


def faults_from(data: Any) -> tuple[Fault, ...]:
    """Faults from plain data, as JSON or TOML give it.

    Raises:
        ValueError: if it is no list, or an entry no fault; unknown keys are refused too.
    """
    try:
        entries = msgspec.convert(data, list[dict[str, Any]])
    except msgspec.ValidationError as error:
        raise ValueError(f"expected a list of faults: {error}") from None
    unknown = {key for entry in entries for key in entry} - set(Fault.__dataclass_fields__)
    if unknown:
        raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
    return tuple(msgspec.convert(entries, list[Fault]))


class FaultBox:
    """The faults in force, and how often each has met a request. Safe for threads."""

    def __init__(self, faults: Sequence[Fault], *, seed: int) -> None:
        """Put `faults` in force."""
        self._lock = threading.Lock()
        self._seed = seed
        self.replace(faults)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults in force."""
        return self._faults

    def replace(self, faults: Sequence[Fault]) -> None:
        """Put `faults` in force instead, their counts at 0."""
        with self._lock:
            self._faults = tuple(faults)
            self._met = [0] * len(self._faults)
            self._struck = [0] * len(self._faults)

    def striking(self, *, channel: str, endpoint: str) -> list[Fault]:
        """The faults that strike this request, which is hereby counted."""
        with self._lock:
            return [
                fault
                for position, fault in enumerate(self._faults)
                if fault.channel in {None, channel}
                and fault.endpoint in {None, endpoint}
                and self._strikes(position, fault)
            ]

    def _strikes(self, position: int, fault: Fault) -> bool:
        self._met[position] += 1
        turn = self._met[position] - fault.first
        spent = fault.count is not None and self._struck[position] >= fault.count
        if turn < 0 or turn % fault.every or spent:
            return False
        if fraction(self._seed, position, turn) >= fault.chance:
            return False
        self._struck[position] += 1
        return True
