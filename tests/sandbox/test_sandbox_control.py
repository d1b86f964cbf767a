"""The endpoints that control a sandbox over HTTP: clock and request log; and invalid paths."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, Sandbox, SandboxSettings
from comms_source.sandbox.paging import MARK

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A plain client without credentials, which the control endpoints do not need."""
    with httpx.Client(
        base_url=sandbox.url.removesuffix("/v1"), timeout=5, trust_env=False
    ) as client:
        yield client


AUTH = (ACCOUNT_ID, AUTH_TOKEN)


def test_advancing_the_clock_changes_the_responses(sandbox: Sandbox, http: httpx.Client) -> None:
    """A time that is set over HTTP is the time of every later response."""
    first = http.get("/v1/Emails/Operations", auth=AUTH)
    clock = http.put("/sandbox/clock", json={"advance_seconds": 3600}).json()
    later = http.get("/v1/Emails/Operations", auth=AUTH)

    assert datetime.fromisoformat(clock["now"]) == sandbox.clock.now()
    assert first.headers["date"] != later.headers["date"]
    assert first.json()["operations"] != later.json()["operations"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"7",
        b'{"now": "soon"}',
        b'{"now": 5}',
        b'{"now": "2026-11-21T00:00:00"}',
        b'{"advance_seconds": "3"}',
        b'{"advance_seconds": 1e300}',
        b'{"frozen": "no"}',
        b'{"frozen": false, "now": "soon"}',
        b'{"frozen": false, "advance_seconds": 1e12}',
        b'{"advance": 60}',
    ],
)
def test_an_invalid_time_is_refused_and_changes_nothing(
    sandbox: Sandbox, http: httpx.Client, content: bytes
) -> None:
    """With 400 and a message, even if only a part of it is wrong."""
    before = sandbox.clock.now()
    refused = http.put("/sandbox/clock", content=content)

    assert refused.status_code == 400
    assert refused.json()["error"]
    assert (sandbox.clock.now(), sandbox.clock.frozen) == (before, True)


def test_a_resumed_clock_continues_from_its_time(sandbox: Sandbox, http: httpx.Client) -> None:
    """Without a jump over the time for which it was stopped."""
    at = sandbox.clock.now()
    http.put("/sandbox/clock", json={"frozen": False})
    running = datetime.fromisoformat(http.get("/sandbox/clock").json()["now"])

    assert at < running < at + timedelta(seconds=5)


def test_a_clock_needs_a_zone_and_returns_utc() -> None:
    """A naive time is ambiguous."""
    clock = Clock(datetime.fromisoformat("2026-11-20T14:00:00+02:00"))
    clock.advance(timedelta(hours=1))

    assert clock.now() == NOW + timedelta(hours=1)
    assert clock.now().tzinfo is UTC
    with pytest.raises(ValueError, match="zone"):
        clock.set(NOW.replace(tzinfo=None))


def test_the_log_has_every_request_and_no_secret(http: httpx.Client) -> None:
    """In order, refused requests too; a token is logged as a digest only."""
    path = "/v1/Messages/Operations"
    token = http.get(path, auth=AUTH).json()["pagination"]["next"]
    http.get(path, auth=AUTH, params={"pageToken": token, "status": "COMPLETED"})
    http.get(f"{path}/comms_operation_0", auth=AUTH)
    http.get(path, auth=(ACCOUNT_ID, "a wrong secret"))
    http.get(path, auth=AUTH, params={"pageSize": "0"})
    answer = http.get("/sandbox/requests")
    log: list[dict[str, Any]] = answer.json()

    assert [(entry["endpoint"], entry["status"]) for entry in log] == [
        ("list", 200),
        ("list", 200),
        ("fetch", 404),
        ("list", 401),
        ("list", 400),
    ]
    assert log[1]["parameters"]["status"] == "COMPLETED"
    assert len(log[1]["parameters"]["pageToken"]) == 8
    assert not [each for each in (MARK, token, AUTH_TOKEN, "wrong secret") if each in answer.text]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/v1/Messages/Operations", "/v1/Messages", "/v1/Emails/x"])
def test_nothing_can_be_sent_changed_or_deleted(http: httpx.Client, method: str, path: str) -> None:
    """Every method that does not read gets 405."""
    assert http.request(method, path, auth=AUTH, json={}).status_code == 405


@pytest.mark.parametrize("path", ["/", "/v2/Messages/Operations", "/sandbox", "/sandbox/secrets"])
def test_other_paths_are_not_found(http: httpx.Client, path: str) -> None:
    """With 404."""
    assert http.get(path, auth=AUTH).status_code == 404


def test_the_server_answers_as_the_model(sandbox: Sandbox, http: httpx.Client) -> None:
    """With the same rows; an id from a list can be fetched."""
    answer = http.get("/v1/Emails/Operations?pageSize=3", auth=AUTH)
    (row, *_) = answer.json()["operations"]

    assert row in sandbox.truth("emails")
    assert answer.headers["content-type"] == "application/json"
    assert http.get(f"/v1/Emails/Operations/{row['id']}", auth=AUTH).json() == row


@pytest.mark.parametrize("rate", [0.5, 1, 2.5])
def test_any_rate_limit_allows_some_requests_and_refuses_others(rate: float) -> None:
    """Also below one per second; `Retry-After` is a whole number of seconds above 0."""
    with (
        Sandbox(SandboxSettings(rate_limit=rate), Clock(NOW)) as sandbox,
        httpx.Client(auth=AUTH, trust_env=False) as client,
    ):
        url = f"{sandbox.url}/Emails/Operations?pageSize=1"
        answers = [client.get(url) for _ in range(8)]
    refused = [answer for answer in answers if answer.status_code == 429]

    assert answers[0].status_code == 200
    assert refused
    assert all(1 <= int(answer.headers["retry-after"]) <= 1 / rate + 1 for answer in refused)


def test_latency_is_the_minimum_time_of_any_response() -> None:
    """Including errors."""
    with (
        Sandbox(SandboxSettings(latency=timedelta(seconds=0.15)), Clock(NOW)) as sandbox,
        httpx.Client(trust_env=False) as client,
    ):
        answer = client.get(f"{sandbox.url}/Emails/Operations")

    assert answer.status_code == 401
    assert answer.elapsed.total_seconds() >= 0.15


def test_a_sandbox_has_a_url_inside_its_block_only() -> None:
    """It is a local address, and after the block nothing listens there."""
    sandbox = Sandbox(SandboxSettings(operations_per_week=0))
    with pytest.raises(RuntimeError, match="with"):
        _ = sandbox.url
    with sandbox:
        url = sandbox.url
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}/", trust_env=False).status_code == 404
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_waiting_for_requests_ends_when_they_arrive(sandbox: Sandbox, http: httpx.Client) -> None:
    """It returns whether they have arrived in time."""
    http.get("/v1/Emails/Operations", auth=AUTH)

    assert sandbox.wait_for_requests(1, timeout=5)
    assert not sandbox.wait_for_requests(2, timeout=0.01)
