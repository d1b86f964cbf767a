"""The sandbox's settings: above all, what the API's documentation leaves open.

A client that is right under every combination of these does not depend on a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Collection, Final, Literal, Mapping, get_args

from comms_source.channels import CHANNELS

Bound = Literal["inclusive", "exclusive"]
Order = Literal["ascending", "descending"]
Tokens = Literal["strict", "loose"]
Timestamps = Literal["seconds", "milliseconds"]
PastRetention = Literal["omit", "partial"]
Reading = Literal["exclusive", "cumulative"]

SAMPLE_CREDENTIALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AC00000000000000000000000000000000": "sandbox-auth-token",
        "SK00000000000000000000000000000000": "sandbox-api-key-secret",
    }
)
"""The made-up pairs that a sandbox accepts unless told otherwise: an account's and an API key's."""

DEFAULT_READINGS: Final[Mapping[str, Reading]] = MappingProxyType({"emails": "cumulative"})
"""The reading of each channel's counters; a channel not named here has the exclusive one."""

MOST_OPERATIONS_PER_WEEK: Final = 10_000_000


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """Everything that can be chosen about a sandbox; each field has a default."""

    seed: int = 1
    """Names the population: the same seed gives the same operations, always."""
    operations_per_week: int | Mapping[str, int] = 1_000
    """How many operations are created in a week, for every channel or by channel (others: 0)."""
    history: timedelta = timedelta(days=14)
    """How long before the clock's start the first operation was created."""
    start_bound: Bound = "exclusive"
    """Whether `startDate` lets through an operation created at that very instant."""
    end_bound: Bound = "exclusive"
    """Whether `endDate` lets through an operation created at that very instant."""
    order: Order = "descending"
    """Whether lists go from the oldest or from the newest creation time."""
    tokens: Tokens = "strict"
    """Strict: a page token is good only with the filters and page size it was made with. Loose: it
    brings them along, they may be left out, and those that are sent win."""
    short_pages: bool = False
    """Whether some pages hold fewer operations than asked for, though more follow."""
    empty_pages: bool = False
    """Whether some pages (the first among them) are empty, though more follow."""
    timestamps: Timestamps = "seconds"
    """How fine the shown timestamps are. The filters always see the milliseconds."""
    retention: timedelta | None = timedelta(days=7)
    """For how long after its creation an operation is served; None: for ever."""
    past_retention: PastRetention = "omit"
    """What remains past retention: nothing, or always the same part of the operations."""
    visibility_lag: timedelta = timedelta(0)
    """Up to how long after its creation an operation is missing from lists; each has its own lag."""
    readings: Mapping[str, Reading] = field(default=DEFAULT_READINGS)
    """By channel: whether counters count where a send is now (exclusive) or what it ever passed
    (cumulative)."""
    credentials: Mapping[str, str] = field(default=SAMPLE_CREDENTIALS, repr=False)
    """The accepted pairs of user and password for HTTP Basic."""
    refused: Mapping[str, Collection[str]] = field(default_factory=dict)
    """By user: the channels that these credentials may not read, answered with 403."""
    rate_limit: float | None = None
    """Requests a second that are served, with bursts of one second's worth; None: any number."""
    latency: float = 0.0
    """Seconds that pass before each answer."""
    samples: bool = False
    """Whether the documented example payloads are the whole content, instead of a population."""
    log_size: int = 100_000
    """How many requests the log remembers."""

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_spans()
        self._check_channels()
        self._check_volumes()

    def volume(self, channel: str) -> int:
        """How many operations a week the channel has."""
        per_week = self.operations_per_week
        return per_week if isinstance(per_week, int) else per_week.get(channel, 0)

    def reading(self, channel: str) -> Reading:
        """How the channel's counters are to be read."""
        return self.readings.get(channel, "exclusive")

    def _check_choices(self) -> None:
        for name, choices in _CHOICES.items():
            _one_of(name, getattr(self, name), choices)
        for channel, reading in self.readings.items():
            _one_of(f"readings[{channel!r}]", reading, get_args(Reading))

    def _check_spans(self) -> None:
        for name in ("history", "visibility_lag"):
            _require(getattr(self, name) >= timedelta(0), f"{name} cannot be negative")
        _require(self.retention is None or self.retention > timedelta(0), "retention must be > 0")
        _require(self.rate_limit is None or self.rate_limit > 0, "rate_limit must be > 0")
        _require(self.latency >= 0, "latency cannot be negative")
        _require(self.log_size >= 0, "log_size cannot be negative")

    def _check_channels(self) -> None:
        volumes = {} if isinstance(self.operations_per_week, int) else self.operations_per_week
        refused = [channel for channels in self.refused.values() for channel in channels]
        for channel in (*volumes, *self.readings, *refused):
            _one_of("a channel", channel, tuple(CHANNELS))

    def _check_volumes(self) -> None:
        for channel in CHANNELS:
            _require(
                0 <= self.volume(channel) <= MOST_OPERATIONS_PER_WEEK,
                f"operations_per_week must be between 0 and {MOST_OPERATIONS_PER_WEEK}",
            )


_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "start_bound": get_args(Bound),
    "end_bound": get_args(Bound),
    "order": get_args(Order),
    "tokens": get_args(Tokens),
    "timestamps": get_args(Timestamps),
    "past_retention": get_args(PastRetention),
}


def _one_of(name: str, value: object, choices: tuple[str, ...]) -> None:
    _require(value in choices, f"{name} is {value!r}; it must be one of {', '.join(choices)}")


def _require(true: bool, otherwise: str) -> None:
    if not true:
        raise ValueError(otherwise)
