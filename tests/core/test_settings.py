"""What settings are good to run with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from comms_source.config.credentials import BasicCredentials, OAuthCredentials
from comms_source.config.settings import Settings, is_loopback
from comms_source.errors import ConfigurationError

GOOD = Settings(credentials=BasicCredentials("user", "secret"))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("base_url", "http://comms.twilio.com/v1"),
        ("base_url", "http://10.0.0.7/v1"),
        ("base_url", "http://localhost.example.com/v1"),
        ("base_url", "comms.twilio.com/v1"),
        ("base_url", "ftp://comms.twilio.com"),
        ("base_url", "https://user:secret@comms.twilio.com/v1"),
        ("base_url", "https://comms.twilio.com/v1?x=1"),
        ("base_url", ""),
        ("base_url", "https://comms.twilio.com:99999/v1"),
        ("base_url", "https://[::1/v1"),
        ("channels", ["message"]),
        ("channels", []),
        ("channels", "messages"),
        ("page_size", 0),
        ("page_size", 1001),
        ("concurrency", 0),
        ("concurrency", 65),
        ("requests_per_second", 0),
        ("account", " "),
        ("window", timedelta(days=8)),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(setting: str, value: Any) -> None:
    """The message names it and says what is expected, without credentials."""
    with pytest.raises(ConfigurationError, match=f"^{setting}: ") as caught:
        replace(GOOD, **{setting: value})

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("token_url", "said"),
    [
        ("http://oauth.twilio.com/v2/token", "would send the credentials unencrypted"),
        ("http://localhost.example.com/v2/token", "would send the credentials unencrypted"),
        ("oauth.twilio.com/v2/token", "expected an address such as https://oauth.twilio.com/v2/t"),
        ("https://oauth.twilio.com:0/v2/token", "expected an address such as https://oauth.twi"),
        ("https://[::1/v2/token", "expected an address such as https://oauth.twilio.com/v2/token"),
        ("https://me:secret@oauth.twilio.com/v2/token", "remove credentials and query"),
        ("https://oauth.twilio.com/v2/token?x=secret", "remove credentials and query"),
    ],
)
def test_an_address_for_tokens_that_is_not_safe_is_refused(token_url: str, said: str) -> None:
    """By the name of its setting, and as `base_url` is."""
    credentials = OAuthCredentials("OQ1", "secret", token_url)

    with pytest.raises(ConfigurationError, match=f"^token_url: .*{said}") as caught:
        replace(GOOD, credentials=credentials)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token_url", ["https://x.example.com/token", "http://[::1]:1/v2/token"])
def test_tokens_are_requested_encrypted_only(token_url: str) -> None:
    """Https anywhere, http to this machine only."""
    credentials = OAuthCredentials("OQ1", "secret", token_url)

    assert replace(GOOD, credentials=credentials).credentials == credentials


@pytest.mark.parametrize(
    "base_url",
    ["https://comms.twilio.com/v1", "http://127.0.0.1:8765/v1", "http://[::1]:1/v1"],
)
def test_credentials_are_sent_encrypted_only(base_url: str) -> None:
    """Https anywhere, http to this machine only."""
    assert replace(GOOD, base_url=base_url).base_url == base_url


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("127.8.8.8", True), ("::1", True), ("8.8.8.8", False), ("local", False)],
)
def test_only_this_machine_is_loopback(host: str, expected: bool) -> None:
    """By address or as `localhost`."""
    assert is_loopback(host) is expected


def test_channels_are_read_in_a_fixed_order() -> None:
    """In the order of `CHANNELS`, and each once."""
    settings = replace(GOOD, channels=["emails", "messages", "emails"])

    assert [channel.name for channel in settings.selected] == ["messages", "emails"]
