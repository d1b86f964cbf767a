"""The sandbox on a real socket."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, Fault, Sandbox, SandboxSettings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A plain client with valid credentials."""
    with httpx.Client(
        base_url=sandbox.url, auth=(ACCOUNT_ID, AUTH_TOKEN), timeout=5, trust_env=False
    ) as client:
        yield client


def control_url(sandbox: Sandbox, path: str) -> str:
    """The URL of a control endpoint."""
    return sandbox.url.removesuffix("/v1") + path


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("reset", httpx.ReadError),
        ("cut", httpx.RemoteProtocolError),
        ("hang", httpx.ReadTimeout),
    ],
)
def test_connection_faults_break_the_connection(
    sandbox: Sandbox, http: httpx.Client, kind: str, error: type[Exception]
) -> None:
    """A reset is a TCP reset, a cut response is too short, and a hanging one does not arrive."""
    sandbox.faults.replace([Fault(kind=kind, seconds=3, count=1)])
    with pytest.raises(error):
        http.get("/Emails/Operations", timeout=0.3)

    assert http.get("/Emails/Operations").status_code == 200


def test_a_slow_response_is_late_and_complete(sandbox: Sandbox, http: httpx.Client) -> None:
    """It arrives after the delay that is set."""
    sandbox.faults.replace([Fault(kind="slow", seconds=0.3)])
    answer = http.get("/Emails/Operations")

    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.3


@pytest.mark.parametrize("kind", ["html", "bad_gateway"])
def test_html_faults_return_a_web_page(sandbox: Sandbox, http: httpx.Client, kind: str) -> None:
    """With the content type and the content of one."""
    sandbox.faults.replace([Fault(kind=kind)])
    answer = http.get("/Emails/Operations")

    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.startswith("<!doctype html>")


def test_a_redirect_repeats_the_query(sandbox: Sandbox, http: httpx.Client) -> None:
    """So that a client that logs the location leaks it."""
    sandbox.faults.replace([Fault(kind="redirect")])
    answer = http.get("/Emails/Operations", params={"pageSize": 5})

    assert (answer.status_code, answer.headers["location"]) == (302, "/elsewhere?pageSize=5")


def test_sends_are_refused(http: httpx.Client) -> None:
    """With 405, because only reading is implemented."""
    assert http.post("/Messages/Operations", json={}).status_code == 405


def test_the_clock_can_be_set_over_http(sandbox: Sandbox, http: httpx.Client) -> None:
    """To a time, by a number of seconds, and to run or to stop."""
    url = control_url(sandbox, "/sandbox/clock")
    set_to: dict[str, Any] = {"now": "2026-11-21T00:00:00Z", "advance_seconds": 90}

    assert http.put(url, json=set_to).json() == {"now": "2026-11-21T00:01:30Z", "frozen": True}
    assert http.get(url).json()["now"] == "2026-11-21T00:01:30Z"
    assert http.put(url, json={"now": "soon"}).status_code == 400
    assert http.put(url, json={"frozen": False}).json()["frozen"] is False


def test_faults_can_be_set_over_http(sandbox: Sandbox, http: httpx.Client) -> None:
    """As JSON; an invalid fault is refused and changes nothing."""
    url = control_url(sandbox, "/sandbox/faults")

    assert http.put(url, json=[{"kind": "internal_error"}]).status_code == 200
    assert http.get("/Emails/Operations").status_code == 500
    assert http.put(url, json=[{"kind": "earthquake"}]).status_code == 400
    assert http.get(url).json()[0]["kind"] == "internal_error"
    http.put(url, json=[])
    assert http.get("/Emails/Operations").status_code == 200


def test_the_request_log_can_be_read_over_http(sandbox: Sandbox, http: httpx.Client) -> None:
    """With channel, endpoint, parameters and status of each request."""
    http.get("/Emails/Operations", params={"pageSize": 5})
    (entry,) = http.get(control_url(sandbox, "/sandbox/requests")).json()

    assert (entry["channel"], entry["endpoint"], entry["status"]) == ("emails", "list", 200)
    assert entry["parameters"] == {"pageSize": "5"}


def test_a_rate_limit_answers_429_with_a_time_to_wait() -> None:
    """For requests beyond the limit per second."""
    with (
        Sandbox(SandboxSettings(rate_limit=3), Clock(NOW)) as sandbox,
        httpx.Client(auth=(ACCOUNT_ID, AUTH_TOKEN), trust_env=False) as client,
    ):
        answers = [client.get(f"{sandbox.url}/Emails/Operations?pageSize=1") for _ in range(9)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert 3 <= len(answers) - len(refused) < 9
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}


def test_a_clock_runs_or_is_stopped() -> None:
    """By default it is stopped if it was set."""
    running, stopped = Clock(NOW, frozen=False), Clock(NOW)

    assert running.now() > NOW
    assert stopped.now() == stopped.now() == NOW


def test_the_sandbox_needs_neither_dlt_nor_a_database() -> None:
    """Importing it does not import them."""
    code = (
        "import sys, comms_source.sandbox; "
        "sys.exit(bool({'dlt', 'duckdb', 'pyarrow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_without_its_extra_the_sandbox_names_the_extra() -> None:
    """The error message says what to install."""
    code = "import sys; sys.modules['uvicorn'] = None; import comms_source.sandbox"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )

    assert "comms-source[sandbox]" in done.stderr
