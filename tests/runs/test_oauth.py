"""Loads with the credentials of an OAuth app, from a sandbox that issues access tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dlt
import duckdb
import httpx
import pytest
from typer.testing import CliRunner, Result

import comms_source
from comms_source.channels import CHANNELS
from comms_source.cli.app import app
from comms_source.commands.load import run_load
from comms_source.config.credentials import OAuthCredentials
from comms_source.destinations.pipeline import open_pipeline
from comms_source.errors import CredentialsRefused
from comms_source.sandbox import (
    ACCOUNT_ID,
    AUTH_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    Clock,
    Fault,
    Sandbox,
    SandboxSettings,
)
from tests.support import (
    FILE,
    NOW,
    last_second,
    load,
    oauth_for,
    session_for,
    settings_for,
    statuses_of_token_requests,
    stored,
    true,
)

OURS = "SOURCES__COMMS_SOURCE"


def comms(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.fixture
def today(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox with the real time, whose OAuth app is configured in the environment."""
    sandbox.clock.set(last_second())
    monkeypatch.setenv(f"{OURS}__BASE_URL", sandbox.url)
    monkeypatch.setenv(f"{OURS}__CREDENTIALS__CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv(f"{OURS}__CREDENTIALS__CLIENT_SECRET", CLIENT_SECRET)
    monkeypatch.setenv(f"{OURS}__CREDENTIALS__TOKEN_URL", sandbox.token_url)
    return sandbox


@pytest.mark.slow
def test_comms_load_reads_everything_with_one_token(today: Sandbox) -> None:
    """Exit code 0; requests for tokens are not counted among those to the API."""
    done = comms("load", "--json")

    assert done.exit_code == 0
    for channel in CHANNELS:
        assert stored(channel) == true(today, channel)
    assert statuses_of_token_requests(today) == [200]
    assert json.loads(done.stdout)["requests"] == len(today.requests) - 1


@pytest.mark.slow
def test_the_source_reads_everything(today: Sandbox) -> None:
    """As an argument or from dlt's settings; building it requests no token."""
    given: Any = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "token_url": today.token_url,
    }
    for arguments in ({"credentials": given}, {}):
        before = len(today.requests)
        source = comms_source.comms_source(**arguments, refresh="full")
        assert len(today.requests) == before
        pipeline = dlt.pipeline("twilio_comms", destination="duckdb", dataset_name="comms")
        pipeline.run(source)
        assert stored("messages") == true(today, "messages")
    assert statuses_of_token_requests(today) == [200, 200]


def test_comms_check_passes_and_finds_a_wrong_secret(
    today: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one request for a token for all channels."""
    assert comms("check").exit_code == 0
    assert statuses_of_token_requests(today) == [200]

    monkeypatch.setenv(f"{OURS}__CREDENTIALS__CLIENT_SECRET", "wrong")
    done = comms("check", "--json")

    failed = [check for check in json.loads(done.stdout)["checks"] if not check["passed"]]
    assert done.exit_code == 2
    assert {check["kind"] for check in failed} == {"wrong_secret"}
    assert all("check client_id and client_secret" in check["detail"] for check in failed)
    assert statuses_of_token_requests(today) == [200, 401]


@pytest.mark.slow
def test_a_wrong_secret_is_exit_code_2_and_one_line(
    today: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent to the API."""
    monkeypatch.setenv(f"{OURS}__CREDENTIALS__CLIENT_SECRET", "wrong")

    done = comms("load")

    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("comms: CredentialsRefused: no access token is issued for the OAuth app")
    assert "client_id and client_secret" in line
    assert statuses_of_token_requests(today) == [401]
    assert len(today.requests) == 1


@pytest.mark.slow
def test_an_address_that_issues_no_tokens_is_exit_code_2(
    today: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting is named."""
    monkeypatch.setenv(f"{OURS}__CREDENTIALS__TOKEN_URL", f"{today.token_url}s")

    done = comms("load")

    assert done.exit_code == 2
    assert "ConfigurationError: token_url: no access tokens are issued there (404)" in done.stderr


@pytest.mark.slow
def test_a_missing_scope_is_exit_code_2_with_a_hint(today: Sandbox) -> None:
    """After one new token, however many scans are under way."""
    today.faults.replace([Fault(kind="unauthorized")])

    done = comms("load")

    assert done.exit_code == 2
    assert "the OAuth app may lack the scopes for the Communications API" in done.stderr
    assert statuses_of_token_requests(today) == [200, 200]


@pytest.mark.usefixtures("today")
def test_a_load_that_cannot_reach_the_token_server_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1, and the host that was not reached is named."""
    monkeypatch.setattr("comms_source.api.retries.MAX_BACKOFF_SECONDS", 0.01)
    monkeypatch.setenv(f"{OURS}__CREDENTIALS__TOKEN_URL", "http://127.0.0.1:9/v2/token")
    monkeypatch.setenv(f"{OURS}__MAX_API_WAIT", "1 second")

    done = comms("check", "--json")

    failed = [check for check in json.loads(done.stdout)["checks"] if not check["passed"]]
    assert done.exit_code == 1
    assert {check["kind"] for check in failed} == {"unreachable"}
    assert all("no response from 127.0.0.1:9" in check["detail"] for check in failed)


class Slow(httpx.HTTPTransport):
    """A network on which each request takes some seconds by the sandbox's clock."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._each = timedelta(seconds=seconds)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Let time pass, then send the request."""
        self._clock.advance(self._each)
        return super().handle_request(request)


@pytest.mark.slow
def test_a_long_run_renews_its_token_in_time() -> None:
    """The API never gets one that has ended; all is loaded."""
    lifetime = timedelta(minutes=3)
    settings = SandboxSettings(operations_per_week=300, token_lifetime=lifetime)
    with Sandbox(settings, Clock(NOW)) as sandbox:
        session = session_for(sandbox, credentials=oauth_for(sandbox), page_size=20, concurrency=2)
        session.transport = Slow(sandbox.clock, seconds=7)
        summary = run_load(session=session, pipeline=open_pipeline())

        lasted = sandbox.clock.now() - NOW
        assert summary.exit_code == 0
        assert {entry.status for entry in sandbox.requests} == {200}
        assert lasted > 2 * lifetime
        assert lasted / lifetime < len(statuses_of_token_requests(sandbox)) <= 2 * lasted / lifetime
        assert stored("emails").keys() >= {
            row["id"] for row in sandbox.truth("emails", NOW) if row["createdAt"] >= "2026-11-14"
        }


@pytest.mark.slow
def test_a_token_that_is_revoked_during_a_run_is_replaced_once(sandbox: Sandbox) -> None:
    """The run is complete."""
    session = session_for(sandbox, credentials=oauth_for(sandbox), page_size=20)
    revoked: list[int] = []

    def revoke_once(_: object) -> None:
        if not revoked:
            revoked.append(len(sandbox.requests))
            sandbox.revoke_tokens()

    session.stats.watch(revoke_once)
    summary = run_load(session=session, pipeline=open_pipeline())

    assert revoked
    assert summary.exit_code == 0
    assert statuses_of_token_requests(sandbox) == [200, 200]
    for channel in CHANNELS:
        assert stored(channel) == true(sandbox, channel)


def test_a_refused_app_leaves_a_failed_run(sandbox: Sandbox) -> None:
    """As any refused credentials do."""
    with pytest.raises(CredentialsRefused):
        load(sandbox, credentials=oauth_for(sandbox, secret="wrong"))

    with duckdb.connect(FILE, read_only=True) as connection:
        runs = connection.execute("select outcome, error from comms.runs").fetchall()
    assert runs == [("failed", "CredentialsRefused")]


@pytest.mark.slow
def test_a_forbidden_channel_is_refused_and_the_others_are_loaded() -> None:
    """By client id, with exit code 3."""
    settings = SandboxSettings(operations_per_week=60, forbidden={CLIENT_ID: frozenset({"emails"})})
    with Sandbox(settings, Clock(NOW)) as sandbox:
        summary = load(sandbox, credentials=oauth_for(sandbox))

        assert summary.exit_code == 3
        assert "403" in (summary.stats.channels["emails"].refused or "")
        assert stored("messages") == true(sandbox, "messages")


@pytest.mark.slow
def test_moving_from_an_auth_token_to_an_oauth_app_changes_no_data(sandbox: Sandbox) -> None:
    """Coverage belongs to the account's label: only what is due is read again."""
    first = load(sandbox)
    before = {channel: stored(channel) for channel in CHANNELS}

    second = load(sandbox, credentials=oauth_for(sandbox))

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert {channel: stored(channel) for channel in CHANNELS} == before
    assert second.stats.operations < first.stats.operations


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Sandbox]]:
    """Two accounts, each with its own API; `news` has an OAuth app."""
    now = last_second()
    prefix = f"{OURS}__ACCOUNTS"
    monkeypatch.setenv(prefix, "shop,news")
    with ExitStack() as serving:
        made = {
            name: serving.enter_context(
                Sandbox(SandboxSettings(seed=seed, operations_per_week=60), Clock(now))
            )
            for seed, name in enumerate(("shop", "news"), 1)
        }
        for setting, value in {
            "SHOP__BASE_URL": made["shop"].url,
            "SHOP__CREDENTIALS__ACCOUNT_ID": ACCOUNT_ID,
            "SHOP__CREDENTIALS__AUTH_TOKEN": AUTH_TOKEN,
            "NEWS__BASE_URL": made["news"].url,
            "NEWS__CREDENTIALS__CLIENT_ID": CLIENT_ID,
            "NEWS__CREDENTIALS__CLIENT_SECRET": CLIENT_SECRET,
            "NEWS__CREDENTIALS__TOKEN_URL": made["news"].token_url,
        }.items():
            monkeypatch.setenv(f"{prefix}__{setting}", value)
        yield made


@pytest.mark.slow
def test_two_accounts_may_have_different_kinds_of_credentials(
    accounts: dict[str, Sandbox],
) -> None:
    """Each is loaded with its own."""
    done = comms("load", "--json")

    assert done.exit_code == 0
    assert statuses_of_token_requests(accounts["shop"]) == []
    assert statuses_of_token_requests(accounts["news"]) == [200]
    rows = stored("emails")
    for name, sandbox in accounts.items():
        mine = {key for key, row in rows.items() if row[0] == name}
        assert mine == {row["id"] for row in sandbox.truth("emails")}


def test_two_accounts_with_one_oauth_app_are_refused(
    accounts: dict[str, Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with any credentials."""
    settings = settings_for(accounts["news"], credentials=oauth_for(accounts["news"]))
    assert isinstance(settings.credentials, OAuthCredentials)
    same = replace(settings.credentials, token_url=accounts["shop"].token_url)
    for field, value in (
        ("CLIENT_ID", same.client_id),
        ("CLIENT_SECRET", same.client_secret),
        ("TOKEN_URL", same.token_url),
        ("ACCOUNT_ID", ""),
    ):
        monkeypatch.setenv(f"{OURS}__ACCOUNTS__SHOP__CREDENTIALS__{field}", value)
    monkeypatch.setenv(f"{OURS}__ACCOUNTS__SHOP__BASE_URL", accounts["news"].url)

    done = comms("load")

    assert done.exit_code == 2
    assert "shop and news have the same credentials" in done.stderr
