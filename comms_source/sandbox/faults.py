"""Faults as data: which fault, on which requests, how often.

A sandbox checks its `ActiveFaults` on each request. `response_faults` and `model` implement the
faults of whole responses, `row_faults` those of single rows.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from comms_source.channels import CHANNELS
from comms_source.sandbox.pseudo_random import fraction

RESPONSE_FAULTS: Final = (
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
"""Kinds that replace the whole response (or delay it)."""

PAGE_FAULTS: Final = ("repeat_token", "endless_pages")
"""Kinds that make the pages endless."""

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
"""Kinds that change rows of an otherwise correct page."""

KINDS: Final = RESPONSE_FAULTS + PAGE_FAULTS + ROW_FAULTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault.

    It applies to the requests that match `channel` and `endpoint`: from the `first` on, to every
    `every`-th, at most `count` times, each time with the probability `chance`.

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
    """The first request that the fault applies to, counted from 1."""
    every: int = 1
    """It applies to every n-th request from there."""
    count: int | None = None
    """It applies at most this many times; None for no limit."""
    chance: float = 1.0
    """It applies with this probability, decided by the sandbox's seed."""
    retry_after: str | None = "1"
    """The `Retry-After` of 429 and 503; None to leave the header out."""
    seconds: float = 1.0
    """How long to `hang`, or the delay of `slow`."""
    rows: int = 10
    """Row faults change every n-th row of a page, beginning with the first."""
    name: str = "clicked"
    """The name of a new counter or a new field."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: {self.kind!r} is not one of {', '.join(KINDS)}")
        if self.channel is not None and self.channel not in CHANNELS:
            raise ValueError(f"channel: {self.channel!r} is not one of {', '.join(CHANNELS)}")
        if self.endpoint not in {None, "list", "fetch"}:
            raise ValueError(f"endpoint: {self.endpoint!r} is neither list nor fetch")
        if min(self.first, self.every, self.rows) < 1 or not 0 <= self.chance <= 1:
            raise ValueError("first, every and rows count from 1; chance is between 0 and 1")
        if self.seconds < 0 or (self.count is not None and self.count < 0):
            raise ValueError("seconds and count cannot be negative")


def faults_from(data: Any) -> tuple[Fault, ...]:
    """Faults from plain data, as parsed from JSON or TOML.

    Raises:
        ValueError: if it is not a list of faults; unknown keys are refused too.
    """
    try:
        entries = msgspec.convert(data, list[dict[str, Any]])
    except msgspec.ValidationError as error:
        raise ValueError(f"expected a list of faults: {error}") from None
    unknown = {key for entry in entries for key in entry} - set(Fault.__dataclass_fields__)
    if unknown:
        raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
    return tuple(msgspec.convert(entries, list[Fault]))


class ActiveFaults:
    """The active faults, and how many requests each has matched. Thread-safe."""

    def __init__(self, faults: Sequence[Fault], *, seed: int) -> None:
        """Activate `faults`."""
        self._lock = threading.Lock()
        self._seed = seed
        self.replace(faults)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The active faults."""
        return self._faults

    def replace(self, faults: Sequence[Fault]) -> None:
        """Activate `faults` instead, with their counts at 0."""
        with self._lock:
            self._faults = tuple(faults)
            self._met = [0] * len(self._faults)
            self._applied = [0] * len(self._faults)

    def matching(self, *, channel: str, endpoint: str) -> list[Fault]:
        """The faults that apply to this request; the request is counted."""
        with self._lock:
            return [
                fault
                for position, fault in enumerate(self._faults)
                if fault.channel in {None, channel}
                and fault.endpoint in {None, endpoint}
                and self._applies(position, fault)
            ]

    def _applies(self, position: int, fault: Fault) -> bool:
        self._met[position] += 1
        turn = self._met[position] - fault.first
        spent = fault.count is not None and self._applied[position] >= fault.count
        if turn < 0 or turn % fault.every or spent:
            return False
        if fraction(self._seed, position, turn) >= fault.chance:
            return False
        self._applied[position] += 1
        return True
