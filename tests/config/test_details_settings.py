"""Settings of details: which are taken, and what is said of the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from comms_source import ConfigurationError, comms_source
from comms_source.cli.app import app
from comms_source.config.accounts import read_accounts
from comms_source.config.resolve import resolve_settings
from comms_source.config.settings import Settings
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox
from tests.config.conftest import Configure

OURS = "SOURCES__COMMS_SOURCE"
CREDENTIALS: Any = {"account_id": "ACme", "auth_token": "secret"}
KEY = "a-long-random-text"


def resolved() -> Settings:
    """The settings of a command."""
    return resolve_settings(needs_credentials=False)


def test_details_are_off_by_default() -> None:
    """And addresses are dropped where they are on."""
    settings = resolved()

    assert list(settings.details) == []
    assert (settings.details_requests, settings.errors_per_operation) == (1000, 20)
    assert (settings.pii, settings.pii_key) == ("drop", None)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("errors,tags", ["tags", "errors"]),
        ("errors, tags ,", ["tags", "errors"]),
        ('["errors", "resources"]', ["resources", "errors"]),
        ("resources", ["resources"]),
        ("tags,tags", ["tags"]),
        ("[]", []),
        (",", []),
    ],
)
def test_details_can_be_given_as_text(
    text: str, kinds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the environment and as an argument; each kind counts once, in one order."""
    monkeypatch.setenv(f"{OURS}__DETAILS", text)

    assert resolved().details_policy.kinds == kinds
    given: Any = text
    source = comms_source(credentials=CREDENTIALS, details=given)
    assert ("operation_details" in source.resources) == bool(kinds)


def test_details_are_a_list_in_a_file(configure: Configure) -> None:
    """As in the example of the documentation."""
    configure(
        config='[sources.comms_source]\ndetails = ["tags", "errors"]\ndetails_requests = 5\n'
        'errors_per_operation = 1000\npii = "keep"\n'
    )
    policy = resolved().details_policy

    assert (policy.kinds, policy.requests, policy.errors_per_operation) == (
        ["tags", "errors"],
        5,
        1000,
    )
    assert resolved().personal.address("+14153901002") == "+14153901002"


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("details", "bodies", "expected a list of tags, resources, errors, or none of them, got"),
        ("details", "tags,bodies", "expected a list of tags, resources, errors, or none of them"),
        ("details", "Tags", "expected a list of tags, resources, errors, or none of them"),
        ("details", '["tags"', "expected names with commas between them, or a list in JSON, got"),
        ("details_requests", "0", "expected 1 or more, a whole number, got 0"),
        ("details_requests", "many", "expected 1 or more, a whole number, got 'many'"),
        ("errors_per_operation", "0", "expected 1 to 1000, a whole number, got 0"),
        ("errors_per_operation", "1001", "expected 1 to 1000, a whole number, got 1001"),
        ("pii", "mask", "expected drop or hash or keep, got 'mask'"),
        ("pii", "hash", "'hash' needs a secret key; set pii_key in [sources.comms_source] of "),
    ],
)
def test_a_wrong_value_in_the_environment(
    setting: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is reported with the setting's name and what is expected, in one line."""
    monkeypatch.setenv(f"{OURS}__{setting.upper()}", value)

    with pytest.raises(ConfigurationError) as raised:
        resolved()

    assert str(raised.value).startswith(f"{setting}: {said}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"details": ["bodies"]}, r"details: expected a list of .*, got \['bodies'\]"),
        ({"details": [["tags"]]}, r"details: expected a list of .*, got \[\['tags'\]\]"),
        ({"details": 5}, "details: expected a list of .*, got 5"),
        ({"details_requests": 0}, "details_requests: expected 1 or more, .*, got 0"),
        ({"details_requests": True}, "details_requests: expected 1 or more, .*, got True"),
        ({"errors_per_operation": 2.5}, "errors_per_operation: expected 1 to 1000, .*, got 2.5"),
        ({"pii": "hash"}, "pii: 'hash' needs a secret key"),
        ({"pii": "hash", "pii_key": " "}, "pii: 'hash' needs a secret key"),
        ({"pii": "none"}, "pii: expected drop or hash or keep, got 'none'"),
    ],
)
def test_a_wrong_argument_of_the_source(arguments: dict[str, Any], said: str) -> None:
    """Is found when the source is built."""
    with pytest.raises(ConfigurationError, match=f"^{said}"):
        comms_source(credentials=CREDENTIALS, **arguments)


@pytest.mark.parametrize("arguments", [("load",), ("load", "--json")])
def test_hash_without_a_key_ends_a_load(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Exit code 2, a sentence, and not one request."""
    monkeypatch.setenv(f"{OURS}__BASE_URL", sandbox.url)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    monkeypatch.setenv(f"{OURS}__DETAILS", "resources")
    monkeypatch.setenv(f"{OURS}__PII", "hash")

    done = CliRunner().invoke(app, arguments, catch_exceptions=False)

    assert done.exit_code == 2
    assert "pii: 'hash' needs a secret key" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not sandbox.requests
    if "--json" in arguments:
        assert json.loads(done.stdout)["error"] == "ConfigurationError"


def test_the_key_comes_from_the_secrets(configure: Configure) -> None:
    """It is in no text that shows the settings."""
    configure(
        config='[sources.comms_source]\npii = "hash"\n',
        secrets=f'[sources.comms_source]\npii_key = "{KEY}"\n',
    )
    settings = resolved()

    assert settings.personal.key == KEY
    assert KEY not in repr(settings) + repr(settings.personal)


def test_the_key_is_refused_in_the_other_file(configure: Configure) -> None:
    """It is a secret; the message does not show it."""
    configure(config=f'[sources.comms_source]\npii = "hash"\npii_key = "{KEY}"\n')

    with pytest.raises(ConfigurationError, match=r"\.dlt/secrets\.toml") as raised:
        resolved()

    assert KEY not in str(raised.value)


def test_each_account_has_its_own_details(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or those that are set for all."""
    monkeypatch.setenv(f"{OURS}__ACCOUNTS", "shop,news")
    monkeypatch.setenv(f"{OURS}__DETAILS", "tags")
    monkeypatch.setenv(f"{OURS}__PII_KEY", KEY)
    monkeypatch.setenv(f"{OURS}__ACCOUNTS__SHOP__DETAILS", "resources,errors")
    monkeypatch.setenv(f"{OURS}__ACCOUNTS__SHOP__PII", "hash")

    shop, news = (each.settings for each in read_accounts(needs_credentials=False).selected)

    assert (shop.details_policy.kinds, shop.personal.pii) == (["resources", "errors"], "hash")
    assert shop.personal.key == KEY
    assert (news.details_policy.kinds, news.personal.pii) == (["tags"], "drop")
