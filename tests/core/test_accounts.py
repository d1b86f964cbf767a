"""Which accounts a configuration has, and the settings of each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dlt
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs import PluggableRunContext

from comms_source.cli.per_account import code_of_all
from comms_source.config.accounts import Accounts, account_names, read_accounts
from comms_source.errors import ConfigurationError

SHOP = """
[sources.comms_source]
page_size = 500
[sources.comms_source.accounts.shop]
channels = ["messages", "emails"]
concurrency = 2
"""
SECRETS = """
[sources.comms_source.credentials]
account_id = "AC-common"
auth_token = "common"
[sources.comms_source.accounts.shop.credentials]
account_id = "AC-shop"
auth_token = "shop"
[sources.comms_source.accounts.news.credentials]
api_key = "SK-news"
api_key_secret = "news"
"""


def configure(*, config: str = SHOP, secrets: str = SECRETS) -> None:
    """Write these files, and make dlt read them."""
    Path(".dlt").mkdir(exist_ok=True)
    Path(".dlt/config.toml").write_text(config, encoding="utf-8")
    Path(".dlt/secrets.toml").write_text(secrets, encoding="utf-8")
    Container()[PluggableRunContext].reload(".")


@pytest.fixture(autouse=True)
def forgotten(clean_surroundings: None) -> Iterator[None]:  # noqa: ARG001 - first
    """Each test has its own configuration."""
    Container()[PluggableRunContext].reload(".")
    yield
    shutil.rmtree(".dlt", ignore_errors=True)
    Container()[PluggableRunContext].reload(".")


def users(accounts: Accounts) -> dict[str, str]:
    """The user of each account's credentials."""
    return {each.name: each.settings.credentials.user for each in accounts.selected}


def test_accounts_have_own_credentials_and_share_other_settings() -> None:
    """Sections of both files count; the name is the label on the rows."""
    configure()

    found = read_accounts()

    assert found.several
    assert users(found) == {"news": "SK-news", "shop": "AC-shop"}
    settings = {each.name: each.settings for each in found.selected}
    assert [settings[name].account for name in ("shop", "news")] == ["shop", "news"]
    assert [settings[name].page_size for name in ("shop", "news")] == [500, 500]
    assert [settings[name].concurrency for name in ("shop", "news")] == [2, 8]
    assert settings["shop"].channels == ["messages", "emails"]


def test_accounts_do_not_share_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account without any uses neither those of the outer section nor Twilio's variables."""
    configure(secrets=SECRETS.replace("accounts.news", "accounts.blog"), config="")
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__ACCOUNTS", '["shop", "news"]')
    monkeypatch.setenv("TWILIO_API_KEY", "SK-mine")
    monkeypatch.setenv("TWILIO_API_KEY_SECRET", "mine")

    found = {each.name: each for each in read_accounts().selected}

    assert found["shop"].settings.credentials.user == "AC-shop"
    with pytest.raises(ConfigurationError, match=r"^credentials: no complete pair"):
        _ = found["news"].settings


def test_several_accounts_can_be_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a list of names, and each account's own settings."""
    prefix = "SOURCES__COMMS_SOURCE__ACCOUNTS"
    monkeypatch.setenv(prefix, '["shop", "news"]')
    for name in ("SHOP", "NEWS"):
        monkeypatch.setenv(f"{prefix}__{name}__CREDENTIALS__ACCOUNT_ID", f"AC-{name}")
        monkeypatch.setenv(f"{prefix}__{name}__CREDENTIALS__AUTH_TOKEN", "token")
    monkeypatch.setenv(f"{prefix}__NEWS__WINDOW", "2 hours")

    found = read_accounts()

    assert users(found) == {"shop": "AC-SHOP", "news": "AC-NEWS"}
    assert [each.settings.window.total_seconds() for each in found.selected] == [3600, 7200]


def test_an_error_in_one_account_does_not_affect_others() -> None:
    """It is raised when the settings of that account are used."""
    configure(config=SHOP.replace("concurrency = 2", "concurrency = 200"))

    found = {each.name: each for each in read_accounts().selected}

    assert found["news"].settings.concurrency == 8
    with pytest.raises(ConfigurationError, match=r"^concurrency: expected 1 to 64"):
        _ = found["shop"].settings


def test_two_names_for_the_same_account_are_refused() -> None:
    """Otherwise the rows would get the label of the account that was read last."""
    configure(secrets=SECRETS.replace('api_key = "SK-news"', 'api_key = "AC-shop"'))

    with pytest.raises(ConfigurationError, match="shop and news have the same credentials"):
        read_accounts()


def test_an_account_that_is_not_configured_is_refused_by_name() -> None:
    """Whether the configuration names other accounts or not."""
    configure()
    with pytest.raises(ConfigurationError, match=r"'blog' has no section .* are shop, news"):
        read_accounts(names=["blog"])

    configure(secrets=SECRETS.partition("[sources.comms_source.accounts")[0], config="")
    assert account_names() == []
    assert users(read_accounts(names=["default"])) == {"default": "AC-common"}
    with pytest.raises(ConfigurationError, match="there is one account"):
        read_accounts(names=["blog"])


def test_channels_are_limited_to_those_of_the_account() -> None:
    """An account with none of them is left out; an unknown channel is an error."""
    configure()

    def channels_of(*names: str) -> dict[str, list[str]]:
        chosen = read_accounts(channels=names).selected
        return {each.name: list(each.settings.channels) for each in chosen}

    assert channels_of("emails") == {"news": ["emails"], "shop": ["emails"]}
    assert channels_of("push_notifications") == {"news": ["push_notifications"]}
    with pytest.raises(ConfigurationError, match="'letters' cannot be read"):
        channels_of("letters")


def test_an_invalid_list_of_accounts_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message shows what it should look like."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__ACCOUNTS", '["shop", "news"')
    with pytest.raises(ConfigurationError, match=r"^accounts: expected names with commas between"):
        account_names()

    monkeypatch.delenv("SOURCES__COMMS_SOURCE__ACCOUNTS")
    configure(config="sources.comms_source.accounts = 5")
    with pytest.raises(ConfigurationError, match=r'names such as \["shop", "news"\]'):
        account_names()


@pytest.mark.parametrize(
    ("codes", "all_together"),
    [
        ([0, 0], 0),
        ([0, 2], 3),
        ([3, 3], 3),
        ([1, 3], 3),
        ([1, 0], 3),
        ([2, 2], 2),
        ([1, 2], 1),
        ([1, 1], 1),
        ([], 0),
    ],
)
def test_the_exit_code_of_several_accounts(codes: list[int], all_together: int) -> None:
    """0 if all are complete; 3 if something was loaded; 2 if each is refused; else 1."""
    assert code_of_all(codes) == all_together


def test_tests_do_not_use_the_settings_of_this_machine() -> None:
    """Without any configuration there is one account, and it has no credentials."""
    assert dlt.config.get("sources.comms_source.accounts") is None
    with pytest.raises(ConfigurationError, match="no complete pair"):
        read_accounts()
