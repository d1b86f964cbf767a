"""Credentials as people write them, and what cannot be right about them."""

from __future__ import annotations

from typing import Any

import pytest

from comms_source import ConfigurationError, comms_source
from comms_source.config.accounts import read_accounts
from comms_source.config.credentials import BasicCredentials, choose
from comms_source.config.resolve import resolve_settings
from tests.config.conftest import Configure

OURS = "SOURCES__COMMS_SOURCE"
EXPECTED = BasicCredentials("ACme", "token")


def test_the_id_of_an_account_is_also_called_its_sid(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a file, in the environment, for one of several accounts, and as an argument."""
    pair = 'credentials]\naccount_sid = "ACme"\nauth_token = "token"\n'
    configure(secrets=f"[sources.comms_source.{pair}")
    assert resolve_settings().credentials == EXPECTED

    configure(secrets=f"[sources.comms_source.accounts.shop.{pair}")
    (shop,) = read_accounts().selected
    assert shop.settings.credentials == EXPECTED

    configure(secrets="")
    monkeypatch.setenv(f"{OURS}__CREDENTIALS__ACCOUNT_SID", "ACme")
    monkeypatch.setenv(f"{OURS}__CREDENTIALS__AUTH_TOKEN", "token")
    assert resolve_settings().credentials == EXPECTED
    given: Any = {"account_sid": "ACme", "auth_token": "token"}
    assert comms_source(credentials=given)


@pytest.mark.parametrize("space", [" ", "\n", "\r\n", "\t", "\u00a0"])
def test_blanks_around_credentials_are_removed(
    space: str, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a secret that was made with echo, wherever it is from."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", f"{space}ACme{space}")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", f"token{space}")
    assert resolve_settings().credentials == EXPECTED

    monkeypatch.setenv(f"{OURS}__ACCOUNTS", "shop")
    monkeypatch.setenv(f"{OURS}__ACCOUNTS__SHOP__CREDENTIALS__ACCOUNT_ID", f"{space}ACme")
    monkeypatch.setenv(f"{OURS}__ACCOUNTS__SHOP__CREDENTIALS__AUTH_TOKEN", f"token{space}{space}")
    configure()
    (shop,) = read_accounts().selected
    assert shop.settings.credentials == EXPECTED


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("sec ret", "holds a blank, or another character that no key or token has"),
        ("sec\nret", "holds a blank, "),
        ("sec\x00ret", "holds a blank, "),
        ("s\u200becret", "holds a blank, "),
        ("sécret", "holds a blank, "),
        ('"secret"', "has quotes around it"),
        ("\u201csecret\u201d", "has quotes around it"),
        ("secret...", "is still the example's"),
    ],
)
@pytest.mark.parametrize("name", ["TWILIO_API_KEY", "TWILIO_API_KEY_SECRET"])
def test_what_cannot_be_right_is_reported_without_the_value(
    name: str, value: str, said: str
) -> None:
    """With the name under which it was given."""
    environment = {"TWILIO_API_KEY": "SKme", "TWILIO_API_KEY_SECRET": "mine"} | {name: value}

    with pytest.raises(ConfigurationError, match=f"^credentials: {name} {said}") as raised:
        choose(given={}, environment=environment)

    assert value not in str(raised.value)


def test_a_user_with_a_colon_is_reported() -> None:
    """HTTP would take what follows for the password."""
    with pytest.raises(ConfigurationError, match=r"^credentials: account_id holds a blank,"):
        choose(given={"account_id": "AC:me", "auth_token": "a:b"}, environment={})


def test_blanks_alone_are_no_credentials() -> None:
    """Neither complete a pair nor are named as found."""
    with pytest.raises(ConfigurationError, match=r"no complete pair \(found only api_key\); set"):
        choose(given={"api_key": "SKme", "api_key_secret": " \n"}, environment={})


def test_secrets_in_config_toml_are_reported(configure: Configure) -> None:
    """With the place where they belong, and not by their values."""
    configure(config='[sources.comms_source.credentials]\napi_key = "SK1"\napi_key_secret = "s2"\n')

    with pytest.raises(ConfigurationError, match=r"move it into \.dlt/secrets\.toml") as raised:
        resolve_settings()

    assert "s2" not in str(raised.value)
    assert str(raised.value).startswith("sources.comms_source.credentials: ")
