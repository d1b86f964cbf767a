"""Credentials as people write them, and what cannot be right about them."""

from __future__ import annotations

from typing import Any

import pytest

from comms_source import ConfigurationError, comms_source
from comms_source.config.accounts import read_accounts
from comms_source.config.credentials import (
    TOKEN_URL,
    BasicCredentials,
    OAuthCredentials,
    choose,
)
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


OAUTH = OAuthCredentials("OQme", "hidden")
APP = 'credentials]\nclient_id = "OQme"\nclient_secret = "hidden"\n'


def test_an_oauth_app_is_given_as_any_pair(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a file, for one of several accounts, as an argument, and in dlt's variables."""
    configure(secrets=f"[sources.comms_source.{APP}")
    assert resolve_settings().credentials == OAUTH

    configure(secrets=f"[sources.comms_source.accounts.shop.{APP}")
    (shop,) = read_accounts().selected
    assert shop.settings.credentials == OAUTH
    given: Any = {"client_id": "OQme", "client_secret": "hidden"}
    assert comms_source(credentials=given)

    configure(secrets="")
    monkeypatch.setenv(f"{OURS}__CREDENTIALS__CLIENT_ID", " OQme\n")
    monkeypatch.setenv(f"{OURS}__CREDENTIALS__CLIENT_SECRET", "hidden\n")
    monkeypatch.setenv(f"{OURS}__CREDENTIALS__TOKEN_URL", " ")
    assert resolve_settings().credentials == OAUTH


@pytest.mark.parametrize(
    ("left_out", "user"),
    [((), "SK1"), (("api_key",), "AC1"), (("api_key_secret", "auth_token"), "OQ1")],
)
def test_the_first_complete_pair_is_used(left_out: tuple[str, ...], user: str) -> None:
    """An API key before an account before an OAuth app."""
    given = {
        "client_id": "OQ1",
        "client_secret": "c",
        "account_id": "AC1",
        "auth_token": "a",
        "api_key": "SK1",
        "api_key_secret": "s",
    }

    chosen = choose(given=given | dict.fromkeys(left_out), environment={})

    assert chosen.user == user


def test_an_oauth_app_in_the_settings_comes_before_the_environment() -> None:
    """As any pair that is given to dlt."""
    environment = {"TWILIO_API_KEY": "SK1", "TWILIO_API_KEY_SECRET": "s"}
    given = {"client_id": "OQme", "client_secret": "hidden"}

    assert choose(given=given, environment=environment) == OAUTH
    given.pop("client_secret")
    assert choose(given=given, environment=environment) == BasicCredentials("SK1", "s")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("client_id", "OQ...", "is still the example's"),
        ("client_secret", "...", "is still the example's"),
        ("client_secret", "'hidden'", "has quotes around it"),
        ("client_secret", "hid den", "holds a blank, "),
    ],
)
def test_an_oauth_app_that_cannot_be_right_is_reported(name: str, value: str, said: str) -> None:
    """By the name of the setting, and without its value."""
    given = {"client_id": "OQme", "client_secret": "hidden"} | {name: value}

    with pytest.raises(ConfigurationError, match=f"^credentials: {name} {said}") as raised:
        choose(given=given, environment={})

    assert "hid" not in str(raised.value)


def test_half_an_oauth_app_is_named_as_found(configure: Configure) -> None:
    """Its address is none; both messages name the third pair."""
    given = {"client_id": "OQme", "token_url": TOKEN_URL}
    with pytest.raises(ConfigurationError, match=r"\(found only client_id\); .* client_secret"):
        choose(given=given, environment={})

    configure(secrets=f"[sources.comms_source.accounts.shop.{APP}".replace("client_secret", "x"))
    (shop,) = read_accounts().selected
    with pytest.raises(ConfigurationError, match="or client_id and client_secret, in"):
        _ = shop.settings


@pytest.mark.parametrize("file", ["config", "secrets"])
def test_accounts_share_the_address_for_tokens(file: str, configure: Configure) -> None:
    """An account's own comes first; either file may hold the shared one."""
    shop = f'[sources.comms_source.accounts.shop.{APP}token_url = "https://own.example.com/"\n'
    news = f"[sources.comms_source.accounts.news.{APP}".replace("OQme", "OQnews")
    files = {"config": "", "secrets": shop + news}
    files[file] += '[sources.comms_source.credentials]\ntoken_url = "https://all.example.com/"\n'
    configure(**files)

    found = {each.name: each.settings.credentials for each in read_accounts().selected}

    assert found == {
        "shop": OAuthCredentials("OQme", "hidden", "https://own.example.com/"),
        "news": OAuthCredentials("OQnews", "hidden", "https://all.example.com/"),
    }


def test_an_oauth_app_shows_no_secret() -> None:
    """Neither in a repr nor in what identifies it."""
    assert "hidden" not in repr(OAUTH)
    assert "OQme" not in OAUTH.digest
    assert OAUTH.digest == BasicCredentials("OQme", "other").digest
    assert OAUTH.digest != OAuthCredentials("OQyou", "hidden").digest
