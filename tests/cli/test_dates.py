"""Dates and times as people type them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from comms_source.cli.app import app
from comms_source.cli.dates import parse_given
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox
from comms_source.timespans import parse_instant
from tests.support import last_second

NOW = datetime(2026, 11, 26, 19, 38, 5, 400, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("yesterday", "2026-11-25T00:00Z"),
        (" Today ", "2026-11-26T00:00Z"),
        ("now", "2026-11-26T19:38:05Z"),
        ("3 days ago", "2026-11-23T00:00Z"),
        ("1 day ago", "2026-11-25T00:00Z"),
        ("2 weeks ago", "2026-11-12T00:00Z"),
        ("90 minutes ago", "2026-11-26T18:08:05Z"),
        ("2026-11-25", "2026-11-25T00:00Z"),
        ("2026-11-25T10:00", "2026-11-25T10:00Z"),
        ("2026-11-25 10:00:30", "2026-11-25T10:00:30Z"),
        ("2026-11-25t10:00z", "2026-11-25T10:00Z"),
        ("2026-11-25T10:00+01:00", "2026-11-25T09:00Z"),
    ],
)
def test_a_date_may_be_in_words_or_in_iso_8601(text: str, instant: str) -> None:
    """Words for days mean midnight; all is in UTC unless there is a time zone."""
    assert parse_given(text, now=NOW).instant == parse_instant(instant)


@pytest.mark.parametrize(
    ("text", "has_zone"),
    [
        ("yesterday", False),
        ("2026-11-25", False),
        ("2026-11-25T10:00", False),
        ("2026-11-25T10:00Z", True),
        ("2 hours ago", True),
    ],
)
def test_it_is_known_whether_a_time_zone_was_taken_for_granted(text: str, has_zone: bool) -> None:
    """Hours ago are the same in every zone."""
    assert parse_given(text, now=NOW).has_zone is has_zone


@pytest.mark.parametrize(
    "text",
    [
        *("", "someday", "tomorrow", "last week", "11/25/2026", "25.11.2026", "2026", "10:00"),
        *("2026-02-30", "P1D", "99999999999999999999 days ago", "0001-01-01T00:00+14:00"),
    ],
)
def test_another_text_is_refused_with_examples(text: str) -> None:
    """Also a year or a time alone, which could mean much."""
    with pytest.raises(ValueError, match="is not a date or time; write yesterday, '3 days ago', "):
        parse_given(text, now=NOW)


@pytest.mark.slow
def test_a_backfill_says_what_it_takes_as_utc(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On standard error, and only if a time zone is missing."""
    sandbox.clock.set(last_second())
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__BASE_URL", sandbox.url)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    day = datetime.now(UTC).date() - timedelta(days=2)

    def backfill(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["backfill", "--channel", "emails", *arguments])
        return done.exit_code, done.stderr

    utc = "a date or time without a time zone is taken as UTC\n"
    since = f"comms: reading from {day}T10:00:00Z to"
    assert backfill("--since", f"{day}T10:00") == (0, f"{since} now; {utc}")
    assert backfill("--since", f"{day}T10:00Z") == (0, "")
    assert backfill("--since", f"{day}T10:00Z", "--until", f"{day}T11:00") == (
        0,
        f"{since} {day}T11:00:00Z; {utc}",
    )
    assert {entry.parameters["startDate"] for entry in sandbox.requests} >= {f"{day}T09:59:59Z"}


def test_a_backfill_refuses_another_date() -> None:
    """Exit code 2, one line that names the option, and JSON if that was asked for."""
    done = CliRunner().invoke(app, ["backfill", "--since", "someday", "--json"])

    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"] == "ConfigurationError"
    assert done.stderr.startswith("comms: ConfigurationError: since: 'someday' is not a date or ")
    assert len(done.stderr.splitlines()) == 1
