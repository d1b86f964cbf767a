"""The settings of a source, validated when they are created. Pure.

Where the values come from (arguments, `.dlt/config.toml`, the environment) does not matter here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, get_args
from urllib.parse import urlsplit

from comms_source.channels import CHANNELS, Channel
from comms_source.config.credentials import TOKEN_URL, Credentials, OAuthCredentials
from comms_source.coverage.details import KINDS, DetailsPolicy, Kind
from comms_source.coverage.policy import Policy, Refresh
from comms_source.errors import ConfigurationError
from comms_source.tables.personal_data import PersonalData, Pii
from comms_source.timespans import SECOND, parse_duration
from comms_source.words import in_words

BASE_URL: Final = "https://comms.twilio.com/v1"
PAGE_SIZE: Final = 1000
"""The maximum in the API reference."""
CONCURRENCY: Final = 8
RETENTION: Final = "7 days"
WINDOW: Final = "1 hour"
REFRESH: Final[Refresh] = "adaptive"
REFRESH_RATIO: Final = 0.1
COMMIT_PAGES: Final = 1000
TIMEOUT: Final = "60 seconds"
MAX_API_WAIT: Final = "5 minutes"
ATTEMPTS: Final = 6
DETAILS_REQUESTS: Final = 1000
ERRORS_PER_OPERATION: Final = 20
PII: Final[Pii] = "drop"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a setting may be."""

    expected: str
    """The same in words, for messages."""
    holds: Callable[[Any], bool]

    def check(self, setting: str, value: object) -> None:
        """Reject a value that is none of it.

        Raises:
            ConfigurationError: with the setting's name, what is expected, and the value.
        """
        if not self.holds(value):
            raise wrong_value(setting, self.expected, value)


def wrong_value(setting: str, expected: str, given: object) -> ConfigurationError:
    """The error that says what a setting may be, and what it is."""
    shown = in_words(given) if isinstance(given, timedelta) else repr(given)
    return ConfigurationError(f"{setting}: expected {expected}, got {shown}")


def _whole(least: int, most: int | None = None) -> Rule:
    expected = f"{least} or more" if most is None else f"{least} to {most}"

    def holds(value: Any) -> bool:
        # A bool is an int to Python, but no number to people who write settings.
        return type(value) is int and least <= value and (most is None or value <= most)

    return Rule(f"{expected}, a whole number", holds)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_FLAG: Final = Rule("true or false", lambda value: isinstance(value, bool))
_DURATION: Final = Rule("a duration", lambda value: isinstance(value, timedelta))

RULES: Final[Mapping[str, Rule]] = {
    "base_url": Rule(f"an address such as {BASE_URL}", lambda value: isinstance(value, str)),
    "account": Rule(
        "a label that is not empty", lambda value: isinstance(value, str) and bool(value.strip())
    ),
    "channels": Rule(
        f"a list of {', '.join(CHANNELS)}",
        lambda value: isinstance(value, Collection) and not isinstance(value, str | bytes),
    ),
    "page_size": _whole(1, PAGE_SIZE),
    "concurrency": _whole(1, 64),
    "requests_per_second": Rule(
        "a number greater than 0, or none",
        lambda value: value is None or (_is_number(value) and value > 0),
    ),
    "retention": _DURATION,
    "window": Rule(
        "a duration in whole seconds",
        lambda value: isinstance(value, timedelta) and value % SECOND == timedelta(0),
    ),
    "refresh": Rule(" or ".join(get_args(Refresh)), lambda value: value in get_args(Refresh)),
    "refresh_ratio": Rule(
        "a number greater than 0, at most 1", lambda value: _is_number(value) and 0 < value <= 1
    ),
    "commit_pages": _whole(1),
    "timeout": _DURATION,
    "max_api_wait": _DURATION,
    "history": _FLAG,
    "allow_duplicates": _FLAG,
    "details": Rule(
        f"a list of {', '.join(KINDS)}, or none of them",
        lambda value: (
            isinstance(value, Collection)
            and not isinstance(value, str | bytes)
            and all(isinstance(kind, str) and kind in KINDS for kind in value)
        ),
    ),
    "details_requests": _whole(1),
    "errors_per_operation": _whole(1, 1000),
    "pii": Rule(" or ".join(get_args(Pii)), lambda value: value in get_args(Pii)),
}
"""What each setting may be, apart from what depends on several of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one source.

    Raises:
        ConfigurationError: if a value is out of range, unknown or unsafe; the message names the
            setting.
    """

    credentials: Credentials
    base_url: str = BASE_URL
    account: str = "default"
    channels: Sequence[str] = tuple(CHANNELS)
    page_size: int = PAGE_SIZE
    concurrency: int = CONCURRENCY
    requests_per_second: float | None = None
    retention: timedelta = parse_duration(RETENTION)
    window: timedelta = parse_duration(WINDOW)
    refresh: Refresh = REFRESH
    refresh_ratio: float = REFRESH_RATIO
    commit_pages: int = COMMIT_PAGES
    timeout: timedelta = parse_duration(TIMEOUT)
    max_api_wait: timedelta = parse_duration(MAX_API_WAIT)
    history: bool = True
    """Whether each state of an operation is kept, not only the latest."""
    allow_duplicates: bool = False
    """Whether to load into destinations that cannot merge."""
    details: Sequence[Kind] = ()
    """What to read of the resources behind the counters."""
    details_requests: int = DETAILS_REQUESTS
    errors_per_operation: int = ERRORS_PER_OPERATION
    pii: Pii = PII
    pii_key: str | None = field(default=None, repr=False)
    attempts: int = ATTEMPTS
    """The maximum number of attempts if the connection fails; not a user setting."""

    def __post_init__(self) -> None:
        for setting, rule in RULES.items():
            rule.check(setting, getattr(self, setting))
        check_address("base_url", self.base_url, example=BASE_URL)
        if isinstance(self.credentials, OAuthCredentials):
            check_address("token_url", self.credentials.token_url, example=TOKEN_URL)
        check_channels(self.channels)
        if self.pii == "hash" and not (self.pii_key or "").strip():
            raise ConfigurationError(
                "pii: 'hash' needs a secret key; set pii_key in [sources.comms_source] of "
                ".dlt/secrets.toml to a long random text, and keep it: with another key the same "
                "person has another digest"
            )
        if self.window > self.retention:
            expected = f"at most the retention ({in_words(self.retention)})"
            raise wrong_value("window", expected, self.window)

    @property
    def selected(self) -> list[Channel]:
        """The channels to read, in the order of `CHANNELS`."""
        return [channel for name, channel in CHANNELS.items() if name in self.channels]

    @property
    def policy(self) -> Policy:
        """The settings that a plan depends on."""
        return Policy(
            retention=self.retention,
            window=self.window,
            parallel=self.concurrency,
            page_size=self.page_size,
            refresh=self.refresh,
            refresh_ratio=self.refresh_ratio,
        )

    @property
    def details_policy(self) -> DetailsPolicy:
        """The settings that a plan of details depends on."""
        return DetailsPolicy(
            kinds=[kind for kind in KINDS if kind in self.details],
            requests=self.details_requests,
            errors_per_operation=self.errors_per_operation,
            page_size=self.page_size,
            retention=self.retention,
        )

    @property
    def personal(self) -> PersonalData:
        """How personal data is treated."""
        return PersonalData(pii=self.pii, key=self.pii_key or "")


def check_channels(names: Sequence[str]) -> None:
    """Reject a selection that is empty or names an unknown channel."""
    if not names:
        raise wrong_value("channels", f"one or more of {', '.join(CHANNELS)}", names)
    unknown = [name for name in names if not isinstance(name, str) or name not in CHANNELS]
    if unknown:
        raise ConfigurationError(
            f"channels: {', '.join(map(repr, unknown))} cannot be read; "
            f"the channels are {', '.join(CHANNELS)}"
        )


def check_address(setting: str, address: str, *, example: str) -> None:
    """Reject an address that is not safe for credentials: a network needs encryption."""
    expected = ConfigurationError(f"{setting}: expected an address such as {example}")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:  # a port out of range, or half an IPv6 address
        raise expected from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise expected
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{setting}: remove credentials and query; credentials have a setting of their own"
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigurationError(
            f"{setting}: http:// to {parts.hostname} would send the credentials unencrypted; "
            "use https://; plain http is allowed for this machine only"
        )


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
