"""The sandbox issues access tokens, and accepts them until they end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from comms_source.sandbox import (
    ACCOUNT_ID,
    AUTH_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    Clock,
    Fault,
    Sandbox,
    SandboxModel,
    SandboxSettings,
)
from comms_source.sandbox.access_tokens import MARK
from tests.support import NOW

FORM = {
    "grant_type": "client_credentials",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
}
LIST = "/Emails/Operations"


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A plain client without credentials."""
    with httpx.Client(base_url=sandbox.url, timeout=5, trust_env=False) as client:
        yield client


def token(sandbox: Sandbox, http: httpx.Client, **changes: str) -> str:
    """A new token."""
    answer = http.post(sandbox.token_url, data=FORM | changes)
    text: str = answer.json()["access_token"]
    return text


def bearer(text: str) -> dict[str, str]:
    """The header with a token."""
    return {"Authorization": f"Bearer {text}"}


def test_a_token_is_issued_in_the_documented_form(sandbox: Sandbox, http: httpx.Client) -> None:
    """Opaque, with a prefix that a search for leaked tokens finds; each is another."""
    first, second = (http.post(sandbox.token_url, data=FORM).json() for _ in range(2))

    assert first["access_token"].startswith(MARK)
    assert first["access_token"] != second["access_token"]
    assert first | {"access_token": ""} == {
        "access_token": "",
        "id_token": None,
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": None,
    }


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"client_secret": "wrong"}, 401),
        ({"client_id": "OQother"}, 401),
        ({"client_id": ACCOUNT_ID, "client_secret": AUTH_TOKEN}, 401),
        ({"grant_type": "password"}, 400),
        ({"grant_type": ""}, 400),
    ],
)
def test_a_wrong_client_or_grant_is_refused(
    sandbox: Sandbox, http: httpx.Client, changes: dict[str, str], status: int
) -> None:
    """In the form of Twilio's older APIs."""
    answer = http.post(sandbox.token_url, data=FORM | changes)

    assert answer.status_code == status
    assert answer.json().keys() == {"code", "message", "more_info", "status"}
    assert answer.json()["status"] == status


def test_only_a_form_that_is_posted_is_read(sandbox: Sandbox, http: httpx.Client) -> None:
    """Neither JSON, nor a query, nor another method."""
    assert http.post(sandbox.token_url, json=FORM).status_code == 400
    assert http.post(sandbox.token_url, params=FORM).status_code == 400
    assert http.get(sandbox.token_url, params=FORM).status_code == 405


def test_a_token_ends_by_the_sandboxs_clock(sandbox: Sandbox, http: httpx.Client) -> None:
    """It is then refused in the form that was seen live; others are still accepted."""
    early = token(sandbox, http)
    sandbox.clock.advance(timedelta(minutes=59, seconds=59))
    late = token(sandbox, http)
    assert http.get(LIST, headers=bearer(early)).status_code == 200

    sandbox.clock.advance(timedelta(seconds=1))

    refused = http.get(LIST, headers=bearer(early))
    assert (refused.status_code, refused.json()["code"]) == (401, 20003)
    assert refused.json().keys() == {"code", "message", "more_info", "status"}
    assert http.get(LIST, headers=bearer(late)).status_code == 200


def test_all_tokens_can_be_revoked(sandbox: Sandbox, http: httpx.Client) -> None:
    """Those that are issued afterwards are accepted."""
    before = [token(sandbox, http) for _ in range(3)]
    sandbox.revoke_tokens()
    after = token(sandbox, http)

    assert {http.get(LIST, headers=bearer(each)).status_code for each in before} == {401}
    assert http.get(LIST, headers=bearer(after)).status_code == 200


@pytest.mark.parametrize("text", ["x", MARK, CLIENT_SECRET])
def test_another_text_is_no_token(http: httpx.Client, text: str) -> None:
    """Nor is a secret."""
    assert http.get(LIST, headers=bearer(text)).status_code == 401


def test_a_client_may_be_forbidden_a_channel() -> None:
    """By its client id, as a user is."""
    settings = SandboxSettings(
        operations_per_week=60,
        oauth_clients={"OQ1": "one", "OQ2": "two"},
        forbidden={"OQ1": frozenset({"emails"})},
    )
    with (
        Sandbox(settings, Clock(NOW)) as sandbox,
        httpx.Client(base_url=sandbox.url, trust_env=False) as http,
    ):
        statuses = {
            client: [
                http.get(path, headers=bearer(text)).status_code
                for path in (LIST, "/Messages/Operations")
            ]
            for client, secret in settings.oauth_clients.items()
            for text in [token(sandbox, http, client_id=client, client_secret=secret)]
        }

    assert statuses == {"OQ1": [403, 200], "OQ2": [200, 200]}


def test_the_log_of_requests_for_tokens_has_no_secret(sandbox: Sandbox, http: httpx.Client) -> None:
    """Only the client's id, and no channel."""
    text = token(sandbox, http)
    http.get(LIST, headers=bearer(text))
    first, second = sandbox.requests

    assert (first.channel, first.endpoint, first.status) == ("", "token", 200)
    assert first.parameters == {"grant_type": "client_credentials", "client_id": CLIENT_ID}
    assert (second.channel, second.endpoint) == ("emails", "list")


def test_a_fault_of_tokens_leaves_the_api_alone_and_the_reverse(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    """A fault without an endpoint is one of lists and fetches."""
    text = token(sandbox, http)
    sandbox.faults.replace([Fault(kind="unavailable", endpoint="token", count=1)])
    assert http.get(LIST, headers=bearer(text)).status_code == 200
    assert http.post(sandbox.token_url, data=FORM).status_code == 503
    assert http.post(sandbox.token_url, data=FORM).status_code == 200

    sandbox.faults.replace([Fault(kind="unavailable")])
    assert http.get(LIST, headers=bearer(text)).status_code == 503
    assert http.post(sandbox.token_url, data=FORM).status_code == 200


@pytest.mark.parametrize(
    "fault",
    [{"kind": "reset", "channel": "emails"}, {"kind": "repeat_token"}, {"kind": "new_field"}],
)
def test_a_fault_of_tokens_has_no_channel_and_no_rows(fault: dict[str, Any]) -> None:
    """It would never apply."""
    with pytest.raises(ValueError, match=r"^endpoint: "):
        Fault(endpoint="token", **fault)


def test_equal_sandboxes_issue_equal_tokens() -> None:
    """As all their responses are equal; another seed gives other tokens."""
    one, same, other = (SandboxModel(SandboxSettings(seed=seed), Clock(NOW)) for seed in (1, 1, 2))
    issued = [each._access_tokens.issue(CLIENT_ID, now=NOW) for each in (one, same, other)]

    assert issued[0] == issued[1] != issued[2]
