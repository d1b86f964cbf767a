"""Faults as data: which fault, on which requests, how often.

A sandbox checks its `ActiveFaults` on each request. `response_faults` has the faults of whole
responses, `row_faults` those of single rows, and `model` implements those of pages.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, get_args

import msgspec

from comms_source.channels import CHANNELS
from comms_source.sandbox.pseudo_random import fraction
from comms_source.sandbox.response_faults import REPLACEMENTS, TRANSPORT_FAULTS
from comms_source.sandbox.row_faults import ROW_FAULTS

PAGE_FAULTS: Final = ("repeat_token", "endless_pages", "ignored_dates", "ignored_filter")
"""Kinds that change which pages there are: endless ones, or those that a filter leaves out."""

Endpoint = Literal["list", "fetch", "resources", "resource", "errors", "receipts", "token"]
ENDPOINTS: Final = get_args(Endpoint)
"""Operations as a list and by id, resources as a list and by id, the errors of an operation."""

KINDS: Final = (*REPLACEMENTS, *TRANSPORT_FAULTS, *PAGE_FAULTS, *ROW_FAULTS)
"""All kinds of faults."""


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
    endpoint: Endpoint | None = None
    """One of `ENDPOINTS`; None for all but `token`, the requests for access tokens."""
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
        if self.endpoint not in {None, *ENDPOINTS}:
            raise ValueError(f"endpoint: {self.endpoint!r} is not one of {', '.join(ENDPOINTS)}")
        if self.endpoint == "token" and (self.channel or self.kind in (*PAGE_FAULTS, *ROW_FAULTS)):
            raise ValueError("endpoint: requests for tokens have no channel and no rows")
        if min(self.first, self.every, self.rows) < 1 or not 0 <= self.chance <= 1:
            raise ValueError("first, every and rows count from 1; chance is between 0 and 1")
        if self.seconds < 0 or (self.count is not None and self.count < 0):
            raise ValueError("seconds and count cannot be negative")


def faults_from(data: Any) -> tuple[Fault, ...]:
    """Faults from plain data, as parsed from JSON or TOML.

    Raises:
        ValueError: if it is not a list of faults; unknown keys are refused too.
    """
    return tuple(msgspec.convert(entries_of(data, Fault), list[Fault]))


def entries_of(data: Any, kind: type[Any]) -> list[dict[str, Any]]:
    """The entries of a list in plain data, each of them for one object of a data class.

    Raises:
        ValueError: if it is not a list of tables, or a key is not a field of the class.
    """
    name = kind.__name__.lower()
    try:
        entries = msgspec.convert(data, list[dict[str, Any]])
    except msgspec.ValidationError as error:
        raise ValueError(f"expected a list of {name}s: {error}") from None
    unknown = {key for entry in entries for key in entry} - {each.name for each in fields(kind)}
    if unknown:
        raise ValueError(f"a {name} has no {', '.join(sorted(unknown))}")
    return entries


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

    def matching(self, *, channel: str | None, endpoint: str) -> list[Fault]:
        """The faults that apply to this request; the request is counted.

        Args:
            channel: The channel's name; None for a request for a token.
            endpoint: One of `ENDPOINTS`.
        """
        with self._lock:
            return [
                fault
                for position, fault in enumerate(self._faults)
                if fault.channel in {None, channel}
                and fault.endpoint in {None if channel else endpoint, endpoint}
                and self._applies(position, fault)
            ]

    def _applies(self, position: int, fault: Fault) -> bool:
        self._met[position] += 1
        turn = self._met[position] - fault.first
        is_left = fault.count is None or self._applied[position] < fault.count
        is_due = turn >= 0 and turn % fault.every == 0 and is_left
        applies = is_due and fraction(self._seed, position, turn) < fault.chance
        self._applied[position] += applies
        return applies
