"""The settings of a source, validated when they are created. Pure.

Where the values come from (arguments, `.dlt/config.toml`, the environment) does not matter here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, get_args
from urllib.parse import urlsplit

from comms_source.channels import CHANNELS, Channel
from comms_source.config.credentials import BasicCredentials
from comms_source.coverage.policy import Policy, Refresh
from comms_source.errors import ConfigurationError
from comms_source.timespans import SECOND, parse_duration

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one source.

    Raises:
        ConfigurationError: if a value is out of range, unknown or unsafe; the message names the
            setting.
    """

    credentials: BasicCredentials
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
    attempts: int = ATTEMPTS
    """The maximum number of attempts if the connection fails; not a user setting."""

    def __post_init__(self) -> None:
        check_base_url(self.base_url)
        check_channels(self.channels)
        _check(1 <= self.page_size <= PAGE_SIZE, "page_size", f"1 to {PAGE_SIZE}", self.page_size)
        _check(1 <= self.concurrency <= 64, "concurrency", "1 to 64", self.concurrency)  # noqa: PLR2004
        rate = self.requests_per_second
        _check(rate is None or rate > 0, "requests_per_second", "more than 0, or left out", rate)
        _check(bool(self.account.strip()), "account", "a label that is not empty", self.account)
        _check(self.refresh in get_args(Refresh), "refresh", "adaptive or full", self.refresh)
        _check(0 < self.refresh_ratio <= 1, "refresh_ratio", "0 to 1, not 0", self.refresh_ratio)
        _check(self.commit_pages >= 1, "commit_pages", "1 or more", self.commit_pages)
        whole = self.window % SECOND == timedelta(0)
        _check(whole, "window", "whole seconds", self.window)
        _check(self.window <= self.retention, "window", "at most the retention", self.window)

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


def check_channels(names: Sequence[str]) -> None:
    """Reject a selection that is empty or names an unknown channel."""
    unknown = [name for name in names if name not in CHANNELS]
    if unknown or not names or isinstance(names, str):
        raise ConfigurationError(
            f"channels: {', '.join(map(repr, unknown)) or repr(names)} cannot be read; "
            f"the channels are {', '.join(CHANNELS)}"
        )


def check_base_url(base_url: str) -> None:
    """Reject an address that is not safe for credentials: a network needs encryption."""
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"base_url: expected an address such as {BASE_URL}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            "base_url: remove credentials and query; credentials have a setting of their own"
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigurationError(
            f"base_url: http:// to {parts.hostname} would send the credentials unencrypted; "
            "use https://; plain http is allowed for this machine only"
        )


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check(holds: bool, setting: str, expected: str, got: object) -> None:
    if not holds:
        raise ConfigurationError(f"{setting}: expected {expected}, got {got!r}")
