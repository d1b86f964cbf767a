"""The settings of a sandbox, above all for what the API does not document."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Final, Literal, get_args, get_origin, get_type_hints

from comms_source.channels import CHANNELS
from comms_source.sandbox.faults import Fault
from comms_source.sandbox.samples import sample_names
from comms_source.sandbox.troubles import Trouble

Bound = Literal["inclusive", "exclusive"]
Order = Literal["ascending", "descending"]
Tokens = Literal["strict", "loose"]
Timestamps = Literal["seconds", "milliseconds"]
PastRetention = Literal["omit", "partial"]
OutOfRange = Literal["answer", "refuse", "refuse_start", "refuse_end"]
Reading = Literal["exclusive", "cumulative"]
PushEnvelope = Literal["notifications", "pushNotifications", "data"]

ACCOUNT_ID: Final = "ACsandbox"
AUTH_TOKEN: Final = "sandbox-auth-token"  # noqa: S105 - it opens nothing but a sandbox
CLIENT_ID: Final = "OQsandbox"
CLIENT_SECRET: Final = "sandbox-client-secret"  # noqa: S105 - nor does this


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """The settings of a sandbox. Equal settings and an equal time give equal responses.

    Raises:
        ValueError: if a value is unknown or out of range; the message names the setting.
    """

    seed: int = 1
    """Which of the possible data sets is served."""
    operations_per_week: Mapping[str, int] | int = field(
        default_factory=lambda: {"messages": 2500, "emails": 1800, "push_notifications": 1200}
    )
    """The number of operations per week, for all channels or by channel; 0 for none."""
    credentials: Mapping[str, str] = field(default_factory=lambda: {ACCOUNT_ID: AUTH_TOKEN})
    """Passwords by user: auth tokens by account id, secrets by API key."""
    oauth_clients: Mapping[str, str] = field(default_factory=lambda: {CLIENT_ID: CLIENT_SECRET})
    """Client secrets by client id, of OAuth apps."""
    token_lifetime: timedelta = timedelta(hours=1)
    """How long an access token is accepted."""
    forbidden: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Channels that a user or an OAuth app has no permission for (403), by user or client id."""
    start_bound: Bound = "inclusive"
    """Whether an operation created at the instant of `startDate` is listed."""
    end_bound: Bound = "exclusive"
    """Whether an operation created at the instant of `endDate` is listed."""
    order: Order = "descending"
    """Whether lists begin with the oldest or the newest operation."""
    tokens: Tokens = "loose"
    """`strict`: a page token is valid only with the filters and page size of its request.
    `loose`: it contains them; they may be left out, and other values are ignored."""
    short_pages: bool = False
    """Whether pages may have fewer operations than requested although more follow."""
    empty_pages: bool = False
    """Whether some pages may be empty although more follow."""
    timestamps: Timestamps = "seconds"
    """The precision of `createdAt` and `updatedAt`."""
    retention: timedelta = timedelta(days=7)
    """How long after its creation an operation is shown."""
    past_retention: PastRetention = "omit"
    """Whether lists contain none of the older operations, or some of them."""
    out_of_range: OutOfRange = "answer"
    """Whether lists are refused (400) if their `startDate` is before retention, their `endDate` is
    in the future, or both."""
    fetch_retention: timedelta | None = None
    """How long after its creation an operation is shown by id; None for as long as in lists."""
    visibility_lag: timedelta = timedelta(0)
    """The maximum time after its creation until an operation is listed."""
    readings: Mapping[str, Reading] = field(
        default_factory=lambda: {"messages": "exclusive", "emails": "cumulative"}
    )
    """Whether a channel's counters are of current states or cumulative."""
    resource_lag: timedelta = timedelta(0)
    """How long after the creation of an operation lists show none of its resources."""
    push_envelope: PushEnvelope = "notifications"
    """The key of the rows in a list of push notifications."""
    related: bool = True
    """Whether resources name their operation in `related`, or have no such field."""
    email_related: bool = True
    """Whether `related` of an email names its operation, or is empty."""
    receipts_endpoint: bool = True
    """Whether resources with several recipients have receipts; if not, the response is 404."""
    errors_endpoint: bool = True
    """Whether there is an endpoint for the errors of an operation, or 404."""
    rate_limit: float | None = None
    """Requests per second, beyond which the response is 429; None for no limit."""
    latency: timedelta = timedelta(0)
    """The minimum time of every response."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong with responses, and when."""
    troubles: tuple[Trouble, ...] = ()
    """What goes wrong with operations, by the time of their creation."""
    samples: tuple[str, ...] = ()
    """Names of documented payloads, see `samples`, to serve instead of generated data."""
    rendered: bool = False
    """Whether all operations are rendered when the sandbox is created, and do not change: responses
    then take a millisecond or two, of any size."""

    def __post_init__(self) -> None:
        for name, choices in _choices().items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: expected one of {choices}")
        self._check_names()
        self._check_amounts()

    def _check_names(self) -> None:
        for name, used, known in (
            ("operations_per_week", self._volumes(), CHANNELS),
            ("readings", self.readings, CHANNELS),
            ("readings", self.readings.values(), get_args(Reading)),
            ("forbidden", itertools.chain(*self.forbidden.values()), CHANNELS),
            ("samples", self.samples, sample_names()),
        ):
            if not set(used) <= set(known):
                raise ValueError(f"{name}: expected some of {tuple(known)}")
        if not all(isinstance(trouble, Trouble) for trouble in self.troubles):
            raise ValueError("troubles: expected a tuple of Trouble")

    def _check_amounts(self) -> None:
        for channel, volume in self._volumes().items():
            if volume < 0:
                raise ValueError(f"operations_per_week: {channel} cannot be negative")
        for name in ("token_lifetime", "retention", "visibility_lag", "resource_lag", "latency"):
            if getattr(self, name) < timedelta(0):
                raise ValueError(f"{name}: cannot be negative")
        if self.rate_limit is not None and self.rate_limit <= 0:
            raise ValueError("rate_limit: expected more than 0, or None")

    def volume(self, channel: str) -> int:
        """The number of operations of `channel` per week."""
        return self._volumes().get(channel, 0)

    def _volumes(self) -> Mapping[str, int]:
        volumes = self.operations_per_week
        return dict.fromkeys(CHANNELS, volumes) if isinstance(volumes, int) else volumes


@cache
def _choices() -> Mapping[str, tuple[str, ...]]:
    """The values that a setting may have, for each setting that is a choice."""
    hints = get_type_hints(SandboxSettings)
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}
