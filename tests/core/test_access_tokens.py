"""Access tokens as a client uses them, from a sandbox on a real socket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comms_source.api.client import CommsClient
from comms_source.channels import CHANNELS
from comms_source.errors import (
    ConfigurationError,
    ConnectionLost,
    CredentialsRefused,
    ServerFault,
    StillBusy,
)
from comms_source.extract.session import Session
from comms_source.sandbox import Clock, Fault, Sandbox, SandboxSettings
from tests.support import NOW, oauth_for, settings_for, statuses_of_token_requests

EMAILS = CHANNELS["emails"]
THREADS = 8


class Waits:
    """A monotonic clock that waiting advances, so that no wait takes time."""

    def __init__(self) -> None:
        self.at = 0.0

    def ticks(self) -> float:
        """The seconds so far."""
        return self.at

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.at += seconds


def session(sandbox: Sandbox, **changes: object) -> Session:
    """A session with the sandbox's OAuth app."""
    waits = Waits()
    return Session(
        settings=settings_for(sandbox, **{"credentials": oauth_for(sandbox), **changes}),
        clock=sandbox.clock.now,
        ticks=waits.ticks,
        sleep=waits.sleep,
    )


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[CommsClient]:
    """A client with the sandbox's OAuth app."""
    with session(sandbox).connected() as connected:
        yield connected


def read(client: CommsClient) -> None:
    """Read one page."""
    assert client.list_page(channel=EMAILS, span=None, page_size=1).page.rows


def at_once(action: Callable[[], None]) -> list[BaseException | None]:
    """What each of several threads raises that begin an action at the same time."""
    start = threading.Barrier(THREADS)

    def run() -> None:
        start.wait()
        action()

    with ThreadPoolExecutor(THREADS) as pool:
        return [done.exception() for done in [pool.submit(run) for _ in range(THREADS)]]


def test_one_token_serves_until_a_minute_before_its_end(
    sandbox: Sandbox, client: CommsClient
) -> None:
    """An hour's token for 59 minutes; a new one is requested before the API refuses it."""
    for minutes, expected in ((0, 1), (58, 1), (1, 2), (58, 2), (1, 3)):
        sandbox.clock.advance(timedelta(minutes=minutes))
        read(client)
        assert len(statuses_of_token_requests(sandbox)) == expected

    assert {entry.status for entry in sandbox.requests} == {200}


def test_a_token_outlives_a_client(sandbox: Sandbox) -> None:
    """As a run connects again for each part that it commits."""
    running = session(sandbox)
    for _ in range(4):
        with running.connected() as client:
            read(client)
            sandbox.clock.advance(timedelta(minutes=25))

    assert statuses_of_token_requests(sandbox) == [200, 200]


@pytest.mark.parametrize(
    ("life", "used"), [(60, 30), (119, 59.5), (120, 60), (121, 61), (86_400, 86_340)]
)
def test_a_short_token_serves_for_half_its_life(life: int, used: float) -> None:
    """Below two minutes; others until a minute before their end."""
    made = SandboxSettings(operations_per_week=60, token_lifetime=timedelta(seconds=life))
    just_before = timedelta(seconds=used) - timedelta(milliseconds=1)
    with Sandbox(made, Clock(NOW)) as sandbox, session(sandbox).connected() as client:
        read(client)
        sandbox.clock.advance(just_before)
        read(client)
        before = len(statuses_of_token_requests(sandbox))
        sandbox.clock.advance(timedelta(milliseconds=1))
        read(client)

        assert (before, len(statuses_of_token_requests(sandbox))) == (1, 2)


def test_a_token_without_any_life_serves_once() -> None:
    """Each request has a token of its own then; the API refuses it, and one more."""
    made = SandboxSettings(operations_per_week=60, token_lifetime=timedelta(0))
    with Sandbox(made, Clock(NOW)) as sandbox, session(sandbox).connected() as client:
        with pytest.raises(CredentialsRefused):
            read(client)

        assert statuses_of_token_requests(sandbox) == [200, 200]


def test_a_revoked_token_is_replaced_once(sandbox: Sandbox, client: CommsClient) -> None:
    """The request is repeated with it; and so again after the next revocation."""
    read(client)
    for requests in (2, 3):
        sandbox.revoke_tokens()
        read(client)
        assert statuses_of_token_requests(sandbox) == [200] * requests

    statuses = [entry.status for entry in sandbox.requests if entry.channel]
    assert statuses == [200, 401, 200, 401, 200]


def test_a_valid_token_that_is_refused_is_replaced_once(
    sandbox: Sandbox, client: CommsClient
) -> None:
    """Then the scopes are named, and nothing more is sent."""
    sandbox.faults.replace([Fault(kind="unauthorized", endpoint="list")])

    with pytest.raises(CredentialsRefused, match="may lack the scopes for the Communications API"):
        read(client)
    sent = len(sandbox.requests)
    with pytest.raises(CredentialsRefused):
        read(client)

    assert statuses_of_token_requests(sandbox) == [200, 200]
    assert len(sandbox.requests) == sent == 4


def test_a_retry_after_a_401_gets_no_third_token(sandbox: Sandbox, client: CommsClient) -> None:
    """A busy API between two refusals changes nothing."""
    sandbox.faults.replace(
        [
            Fault(kind="unavailable", first=2, count=1, retry_after="0"),
            Fault(kind="unauthorized"),
        ]
    )

    with pytest.raises(CredentialsRefused, match="scopes"):
        read(client)

    statuses = [entry.status for entry in sandbox.requests if entry.channel]
    assert statuses == [401, 503, 401]
    assert statuses_of_token_requests(sandbox) == [200, 200]


@pytest.mark.slow
@settings(max_examples=30)
@given(st.lists(st.integers(min_value=0, max_value=70) | st.just("revoke"), max_size=12))
def test_any_order_of_waits_and_revocations(steps: list[int | str]) -> None:
    """Each read succeeds; a token is requested only after 59 minutes, or after a 401."""
    minutes, issued_at, is_revoked = 0, -60, False
    tokens = refusals = 0
    made = SandboxSettings(operations_per_week=60)
    with Sandbox(made, Clock(NOW)) as sandbox, session(sandbox).connected() as client:
        for step in steps:
            if isinstance(step, str):
                sandbox.revoke_tokens()
                is_revoked = True
            else:
                sandbox.clock.advance(timedelta(minutes=step))
                minutes += step
            is_due = minutes - issued_at >= 59
            refusals += is_revoked and not is_due
            if is_due or is_revoked:
                tokens, issued_at, is_revoked = tokens + 1, minutes, False
            read(client)

        statuses = [entry.status for entry in sandbox.requests if entry.channel]
        assert statuses_of_token_requests(sandbox) == [200] * tokens
        assert statuses.count(401) == refusals


def test_threads_share_a_token_and_each_renewal() -> None:
    """The first, one after expiry, and one after a revocation: three requests in all."""
    made = SandboxSettings(operations_per_week=60, latency=timedelta(milliseconds=50))
    with Sandbox(made, Clock(NOW)) as sandbox, session(sandbox).connected() as client:
        for requests, change in (
            (1, sandbox.revoke_tokens),
            (2, lambda: sandbox.clock.advance(timedelta(hours=1))),
            (3, sandbox.revoke_tokens),
        ):
            change()
            assert at_once(lambda: read(client)) == [None] * THREADS
            assert statuses_of_token_requests(sandbox) == [200] * requests


def test_threads_without_a_scope_request_one_new_token_together() -> None:
    """Not one for each of them; and each gets the hint."""
    made = SandboxSettings(
        operations_per_week=60,
        latency=timedelta(milliseconds=50),
        faults=(Fault(kind="unauthorized"),),
    )
    with Sandbox(made, Clock(NOW)) as sandbox, session(sandbox).connected() as client:
        failures = at_once(lambda: read(client))

        assert {type(failure) for failure in failures} == {CredentialsRefused}
        assert statuses_of_token_requests(sandbox) == [200, 200]


def test_threads_are_refused_together(sandbox: Sandbox) -> None:
    """A wrong secret is sent once, also by a thread that comes later than the others."""
    wrong = oauth_for(sandbox, secret="wrong")
    with session(sandbox, credentials=wrong).connected() as client:
        failures = at_once(lambda: read(client))

    assert {type(failure) for failure in failures} == {CredentialsRefused}
    assert statuses_of_token_requests(sandbox) == [401]


def test_threads_share_a_failed_request_for_a_token() -> None:
    """A server in trouble does not get two requests from each of them."""
    made = SandboxSettings(
        operations_per_week=60,
        latency=timedelta(milliseconds=300),
        faults=(Fault(kind="internal_error", endpoint="token"),),
    )
    with Sandbox(made, Clock(NOW)) as sandbox, session(sandbox).connected() as client:
        failures = at_once(lambda: read(client))

        assert {type(failure) for failure in failures} == {ServerFault}
        assert 2 <= len(statuses_of_token_requests(sandbox)) < 2 * THREADS


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="too_many_requests", endpoint="token", count=3, retry_after="5"),
        Fault(kind="unavailable", endpoint="token", count=3, retry_after="5"),
        Fault(kind="internal_error", endpoint="token", count=1),
        Fault(kind="bad_gateway", endpoint="token", count=2),
        Fault(kind="reset", endpoint="token", count=2),
        Fault(kind="cut", endpoint="token", count=2),
        Fault(kind="cut_json", endpoint="token", count=2),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_token_is_requested_again_as_the_api_would_be(sandbox: Sandbox, fault: Fault) -> None:
    """By the retry policy of the request that needs it; each retry is counted."""
    sandbox.faults.replace([fault])
    running = session(sandbox)

    with running.connected() as client:
        read(client)

    assert len(statuses_of_token_requests(sandbox)) == (fault.count or 0) + 1
    assert running.stats.retries == fault.count


@pytest.mark.parametrize(
    ("kind", "error", "requests"),
    [
        ("too_many_requests", StillBusy, 2),
        ("unavailable", StillBusy, 2),
        ("internal_error", ServerFault, 2),
        ("reset", ConnectionLost, 4),
        ("bad_request", CredentialsRefused, 1),
        ("unauthorized", CredentialsRefused, 1),
        ("forbidden", CredentialsRefused, 1),
        ("not_found", ConfigurationError, 1),
    ],
)
def test_a_request_for_a_token_is_given_up_as_one_to_the_api(
    sandbox: Sandbox, kind: str, error: type[Exception], requests: int
) -> None:
    """After as many attempts, and nothing is ever sent to the API."""
    sandbox.faults.replace([Fault(kind=kind, endpoint="token", retry_after="200")])

    with session(sandbox, attempts=4).connected() as client, pytest.raises(error):
        read(client)

    assert {entry.endpoint for entry in sandbox.requests} == {"token"}
    assert len(sandbox.requests) == requests


def test_a_refused_client_stops_the_run(sandbox: Sandbox) -> None:
    """Later requests raise the same, and ask for no token."""
    wrong = oauth_for(sandbox, secret="wrong")
    with session(sandbox, credentials=wrong).connected() as client:
        for _ in range(2):
            with pytest.raises(CredentialsRefused, match="check client_id and client_secret"):
                read(client)

    assert statuses_of_token_requests(sandbox) == [401]


def test_a_token_server_that_cannot_be_reached_is_named(sandbox: Sandbox) -> None:
    """With its own address and setting, not those of the API."""
    nowhere = replace(oauth_for(sandbox), token_url="http://127.0.0.1:9/v2/token")

    with (
        session(sandbox, credentials=nowhere, attempts=2).connected() as client,
        pytest.raises(ConnectionLost, match=r"127\.0\.0\.1:9 .*token_url$"),
    ):
        read(client)


def test_a_request_has_one_kind_of_credentials(sandbox: Sandbox) -> None:
    """The API gets a bearer token alone, the token server a form and no header."""
    seen: dict[str, list[str]] = {}

    def record(request: httpx.Request) -> httpx.Response:
        seen[request.url.path] = request.headers.get_list("authorization")
        if request.url.path == "/v2/token":
            return httpx.Response(200, json={"access_token": "abc", "expires_in": 60})
        return httpx.Response(200, json={"operations": [], "pagination": {"next": None}})

    running = session(sandbox)
    running.transport = httpx.MockTransport(record)
    with running.connected() as client:
        client.list_page(channel=EMAILS, span=None)

    assert seen == {"/v2/token": [], "/v1/Emails/Operations": ["Bearer abc"]}
