"""Values of settings: those that are taken, and what is said of the others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from comms_source import ConfigurationError, comms_source
from comms_source.config.accounts import account_names, read_accounts
from comms_source.config.resolve import resolve_settings
from comms_source.config.waits import check_waits
from comms_source.views.settings import view_settings
from tests.config.conftest import Configure

OURS = "SOURCES__COMMS_SOURCE"
CREDENTIALS: Any = {"account_id": "ACme", "auth_token": "secret"}


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("page_size", "many", "expected 1 to 1000, a whole number, got 'many'"),
        ("concurrency", "65", "expected 1 to 64, a whole number, got 65"),
        ("commit_pages", "0", "expected 1 or more, a whole number, got 0"),
        ("requests_per_second", "fast", "expected a number greater than 0, or none, got 'fast'"),
        ("refresh_ratio", "10%", "expected a number greater than 0, at most 1, got '10%'"),
        ("history", "perhaps", "expected true or false, got 'perhaps'"),
        ("refresh", "always", "expected adaptive or full, got 'always'"),
        ("channels", "emils", "'emils' cannot be read; the channels are messages, "),
        (
            "channels",
            '["emails"',
            "expected names with commas between them, or a list in JSON, got",
        ),
        ("channels", ",", "expected one or more of messages, emails, push_notifications, got []"),
        ("window", "30 days", "expected at most the retention (7 days), got 30 days"),
        ("window", "0.5 seconds", "expected a duration in whole seconds, got 0.5 seconds"),
        ("retention", "7 moons", "'7 moons' is not a duration; write it like '7 days', "),
        ("retention", "7", "'7' is not a duration; "),
        ("retention", "99999999999 days", "'99999999999 days' is longer than a hundred years"),
        ("timeout", "0 seconds", "'0 seconds' is not a duration; "),
        ("account", " ", "expected a label that is not empty, got ' '"),
        ("base_url", "comms.twilio.com", "expected an address such as https://comms.twilio.com/v1"),
    ],
)
def test_a_wrong_value_in_the_environment(
    setting: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is reported with the setting's name, what is expected, and the value as it was written."""
    monkeypatch.setenv(f"{OURS}__{setting.upper()}", value)

    with pytest.raises(ConfigurationError) as raised:
        resolve_settings(needs_credentials=False)

    assert str(raised.value).startswith(f"{setting}: {said}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        (
            "counter_mode",
            "exclusive",
            "expected a table, or JSON in the environment, got 'exclusive'",
        ),
        (
            "counter_mode",
            '["emails"]',
            "expected a table, or JSON in the environment, got ['emails']",
        ),
        ("counter_mode", '{"emails": "both"}', "emails = 'both'; expected "),
        ("alert_days", "x", "expected a whole number, got 'x'"),
        ("alert_points", "x", "expected a number, got 'x'"),
        ("alert_points", "nan", "expected between 0 and 1, got nan"),
        ("alert_volume", "0", "expected 1 or more, got 0"),
        ("stuck_after", "x", "'x' is not a duration; "),
        ("time_zone", "Mars", "there is no 'Mars'; "),
    ],
)
def test_a_wrong_value_for_the_views(
    setting: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is reported in the same way, also text in the place of a table."""
    monkeypatch.setenv(f"{OURS}__{setting.upper()}", value)

    with pytest.raises(ConfigurationError) as raised:
        view_settings()

    assert str(raised.value).startswith(f"{setting}: {said}")


@pytest.mark.parametrize("setting", ["max_lock_wait", "max_load_wait"])
def test_a_wrong_wait_is_found_first(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is read that would have to wait to be loaded."""
    monkeypatch.setenv(f"{OURS}__{setting.upper()}", "soon")

    for action in (check_waits, lambda: read_accounts(needs_credentials=False)):
        with pytest.raises(ConfigurationError, match=f"^{setting}: 'soon' is not a duration"):
            action()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("emails", ["emails"]),
        ("emails, messages", ["emails", "messages"]),
        ('["emails"]', ["emails"]),
        (' ["emails", "messages"] ', ["emails", "messages"]),
    ],
)
def test_names_can_be_given_as_text(
    text: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One, several with commas, or JSON; for channels and accounts, and as an argument."""
    monkeypatch.setenv(f"{OURS}__CHANNELS", text)
    monkeypatch.setenv(f"{OURS}__ACCOUNTS", text)

    assert resolve_settings(needs_credentials=False).channels == names
    assert account_names() == names
    assert comms_source(credentials=CREDENTIALS, channels=text)


@pytest.mark.parametrize("written", ["7 days", "7d", "168h", "P7D", "P1W", "PT168H", " 1 Week "])
def test_a_duration_can_be_written_in_several_ways(written: str, configure: Configure) -> None:
    """In words, short, or in ISO 8601."""
    configure(config=f'[sources.comms_source]\nretention = "{written}"\nstuck_after = "90m"\n')

    assert resolve_settings(needs_credentials=False).retention == timedelta(days=7)
    assert view_settings().retention == timedelta(days=7)
    assert view_settings().stuck_after == timedelta(minutes=90)


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        (
            "start_date",
            20261124,
            "expected a date or time such as '2026-11-24' or .*, got 20261124",
        ),
        ("end_date", 1.5, "expected a date or time .*, got 1.5"),
        ("start_date", "", "expected a date or time .*, got ''"),
        ("start_date", True, "expected a date or time .*, got True"),
        ("history", "false", "expected true or false, got 'false'"),
        ("allow_duplicates", 1, "expected true or false, got 1"),
        ("channels", [], r"expected one or more of messages, .*, got \[\]"),
        ("channels", 5, "expected a list of messages, .*, got 5"),
        ("channels", [["emails"]], r"\['emails'\] cannot be read"),
        ("page_size", "500", "expected 1 to 1000, a whole number, got '500'"),
        ("page_size", True, "expected 1 to 1000, a whole number, got True"),
        ("concurrency", 2.5, "expected 1 to 64, a whole number, got 2.5"),
        ("refresh_ratio", "0.1", "expected a number .*, got '0.1'"),
        ("retention", 7, "7 is not a duration"),
        ("timeout", timedelta(0), "is not a duration"),
        ("account", 5, "expected a label that is not empty, got 5"),
        ("base_url", 5, "expected an address such as .*, got 5"),
        ("on_error", 1, "expected 'raise' or 'continue', got 1"),
    ],
)
def test_a_wrong_argument_of_the_source(argument: str, value: Any, said: str) -> None:
    """Is an error of configuration with a sentence, of each type."""
    with pytest.raises(ConfigurationError, match=rf"^{argument}: .*{said}"):
        comms_source(credentials=CREDENTIALS, **{argument: value})
