"""Each kind of fault on a real socket, as a plain client sees it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Fault, Sandbox, faults_from
from comms_source.sandbox.faults import KINDS, PAGE_FAULTS
from comms_source.sandbox.paging import MARK
from comms_source.sandbox.response_faults import REPLACEMENTS, TRANSPORT_FAULTS
from comms_source.sandbox.row_faults import ROW_FAULTS

LIST = "/Emails/Operations"
STATUSES = {
    "too_many_requests": 429,
    "unavailable": 503,
    "internal_error": 500,
    "bad_gateway": 502,
    "bad_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "redirect": 302,
    "echo_secrets": 400,
    "html": 200,
    "no_envelope": 200,
    "cut_json": 200,
    "slow": 200,
}
OF_RESOURCES = {"row_without_related", "row_of_another_operation"}
"""Kinds that are tested with resources, in another file."""
BREAKS = {
    "reset": httpx.ReadError,
    "hang": httpx.ReadError,
    "cut": httpx.RemoteProtocolError,
}


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A plain client with valid credentials."""
    with httpx.Client(
        base_url=sandbox.url, auth=(ACCOUNT_ID, AUTH_TOKEN), timeout=5, trust_env=False
    ) as client:
        yield client


@pytest.fixture
def faults_url(sandbox: Sandbox) -> str:
    """The URL at which faults are activated."""
    return sandbox.url.removesuffix("/v1") + "/sandbox/faults"


def rows(http: httpx.Client) -> list[dict[str, Any]]:
    """The operations of one page."""
    operations: list[dict[str, Any]] = http.get(LIST).json()["operations"]
    return operations


def test_every_kind_of_fault_is_tested_in_this_file() -> None:
    """A new kind needs its own case."""
    assert {*STATUSES, *BREAKS} == {*REPLACEMENTS, *TRANSPORT_FAULTS}
    assert {*TRACES, *OF_RESOURCES} == set(ROW_FAULTS)
    assert {*STATUSES, *BREAKS, *PAGE_FAULTS, *TRACES, *OF_RESOURCES} == set(KINDS)


@pytest.mark.parametrize(("kind", "status"), STATUSES.items())
def test_a_response_has_the_status_of_its_fault(
    sandbox: Sandbox, http: httpx.Client, kind: str, status: int
) -> None:
    """And the next response is unaffected, after the last time that the fault applies."""
    sound = http.get(LIST)
    sandbox.faults.replace([Fault(kind=kind, count=1, seconds=0.05)])

    assert http.get(LIST).status_code == status
    assert http.get(LIST).content == sound.content


@pytest.mark.parametrize(("kind", "error"), BREAKS.items())
@pytest.mark.parametrize("path", [LIST, f"{LIST}/comms_operation_0"])
def test_a_broken_connection_raises_and_the_next_one_works(
    sandbox: Sandbox, http: httpx.Client, kind: str, error: type[Exception], path: str
) -> None:
    """For lists and fetches, also on a connection that was used before."""
    sound = http.get(path)
    sandbox.faults.replace([Fault(kind=kind, count=1, seconds=0.05)])

    with pytest.raises(error):
        http.get(path)
    assert http.get(path).content == sound.content


def test_a_cut_response_arrives_in_part(sandbox: Sandbox, http: httpx.Client) -> None:
    """With less than its content length, so that it cannot be taken for complete."""
    sandbox.faults.replace([Fault(kind="cut")])
    arrived: list[bytes] = []
    with http.stream("GET", LIST) as answer:
        promised = int(answer.headers["content-length"])
        with pytest.raises(httpx.RemoteProtocolError):
            arrived.extend(answer.iter_raw())

    assert 0 < sum(map(len, arrived)) < promised


def test_cut_json_is_a_complete_response(sandbox: Sandbox, http: httpx.Client) -> None:
    """Only its content shows that something is missing."""
    sandbox.faults.replace([Fault(kind="cut_json")])
    answer = http.get(LIST)

    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_hanging_response_does_not_block_others(sandbox: Sandbox, http: httpx.Client) -> None:
    """And a client that has given up does not affect the sandbox."""
    sandbox.faults.replace([Fault(kind="hang", seconds=30, channel="emails")])
    with pytest.raises(httpx.ReadTimeout):
        http.get(LIST, timeout=0.1)

    assert http.get("/Messages/Operations").status_code == 200


@pytest.mark.parametrize("kind", ["too_many_requests", "unavailable"])
@pytest.mark.parametrize("text", ["7", "0", "Fri, 20 Nov 2026 12:00:30 GMT", None])
def test_the_retry_after_header_is_sent_as_set(
    sandbox: Sandbox, http: httpx.Client, kind: str, text: str | None
) -> None:
    """With the exact text, or not at all."""
    sandbox.faults.replace([Fault(kind=kind, retry_after=text)])

    assert http.get(LIST).headers.get("retry-after") == text


def test_a_response_without_an_envelope_is_still_json(sandbox: Sandbox, http: httpx.Client) -> None:
    """It has status 200, and no list of operations."""
    sandbox.faults.replace([Fault(kind="no_envelope")])

    assert not {"operations", "pagination"} & http.get(LIST).json().keys()


def test_an_echo_repeats_secrets(sandbox: Sandbox, http: httpx.Client) -> None:
    """Page token and credentials are in the message, and clients must not repeat them."""
    token = http.get(LIST).json()["pagination"]["next"]
    sandbox.faults.replace([Fault(kind="echo_secrets")])
    asked = http.build_request("GET", LIST, params={"pageToken": token})
    answer = http.send(asked, auth=(ACCOUNT_ID, AUTH_TOKEN))

    assert MARK in answer.json()["errors"][0]["message"]
    assert answer.request.headers["authorization"] in answer.json()["errors"][0]["message"]


def test_a_redirect_contains_the_page_token(sandbox: Sandbox, http: httpx.Client) -> None:
    """A client that follows it, or logs its location, leaks the token."""
    token = http.get(LIST).json()["pagination"]["next"]
    sandbox.faults.replace([Fault(kind="redirect")])

    assert token in http.get(LIST, params={"pageToken": token}).headers["location"]


Row = dict[str, Any]
TRACES: dict[str, Callable[[Row], bool]] = {
    "row_without_id": lambda row: "id" not in row,
    "row_without_created_at": lambda row: "createdAt" not in row,
    "row_with_bad_created_at": lambda row: not row["createdAt"].startswith("2026-"),
    "row_with_text_counter": lambda row: isinstance(row["stats"]["total"], str),
    "new_counter": lambda row: row["stats"].get("bounced") == 7,
    "new_field": lambda row: "bounced" in row,
    "lower_case_status": lambda row: row["status"].islower(),
    "unknown_status": lambda row: row["status"] == "PAUSED",
    "missing_counter": lambda row: "recipients" not in row["stats"],
}
TRACES["duplicate_row"] = lambda _: False  # a single row does not show it


@pytest.mark.parametrize("kind", [kind for kind in TRACES if kind != "duplicate_row"])
def test_a_row_fault_changes_every_nth_row_and_no_other(
    sandbox: Sandbox, http: httpx.Client, kind: str
) -> None:
    """Beginning with the first; the number of rows does not change."""
    sound = rows(http)
    sandbox.faults.replace([Fault(kind=kind, rows=7, name="bounced")])
    changed = rows(http)

    assert len(changed) == len(sound) == 50
    for position, (row, was) in enumerate(zip(changed, sound, strict=True)):
        assert TRACES[kind](row) == (position % 7 == 0)
        assert (row == was) == (position % 7 != 0)


def test_a_duplicate_row_follows_the_original(sandbox: Sandbox, http: httpx.Client) -> None:
    """All other rows occur once."""
    sound = rows(http)
    sandbox.faults.replace([Fault(kind="duplicate_row", rows=25)])

    assert rows(http) == [sound[0], *sound[:25], sound[25], *sound[25:]]


def test_several_faults_apply_together(sandbox: Sandbox, http: httpx.Client) -> None:
    """Each on its own requests and rows; a fault of the whole response hides the others."""
    sandbox.faults.replace(
        [
            Fault(kind="new_field", name="tags", rows=1),
            Fault(kind="unknown_status", rows=2),
            Fault(kind="internal_error", first=2),
        ]
    )
    changed = rows(http)

    assert all("tags" in row for row in changed)
    assert [row["status"] == "PAUSED" for row in changed] == [True, False] * 25
    assert http.get(LIST).status_code == 500


@pytest.mark.parametrize(
    ("selector", "lists", "fetches", "messages"),
    [
        ({}, 500, 500, 500),
        ({"endpoint": "list"}, 500, 404, 500),
        ({"endpoint": "fetch"}, 200, 500, 200),
        ({"channel": "emails"}, 500, 500, 200),
        ({"channel": "messages"}, 200, 404, 500),
        ({"channel": "messages", "endpoint": "fetch"}, 200, 404, 200),
        ({"chance": 0}, 200, 404, 200),
        ({"first": 2}, 200, 500, 500),
        ({"every": 2}, 500, 404, 500),
        ({"count": 1}, 500, 404, 200),
    ],
)
def test_faults_set_over_http_apply_to_their_requests(
    http: httpx.Client, faults_url: str, selector: Row, lists: int, fetches: int, messages: int
) -> None:
    """A list of emails, an unknown email operation, a list of messages, in this order."""
    answer = http.put(faults_url, json=[{"kind": "internal_error", **selector}])

    assert answer.status_code == 200
    assert [selector.items() <= fault.items() for fault in answer.json()] == [True]
    paths = (LIST, f"{LIST}/comms_operation_0", "/Messages/Operations")
    assert [http.get(path).status_code for path in paths] == [lists, fetches, messages]


def test_replaced_faults_count_from_0(http: httpx.Client, faults_url: str) -> None:
    """The same fault may be activated repeatedly."""
    for _ in range(2):
        http.put(faults_url, json=[{"kind": "internal_error", "count": 1}])
        assert [http.get(LIST).status_code for _ in range(2)] == [500, 200]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"5",
        b"[5]",
        b'["reset"]',
        b'{"kind": "reset"}',
        b"[{}]",
        b'[{"kind": 5}]',
        b'[{"kind": "reset", "evry": 2}]',
        b'[{"kind": "reset", "count": -1}]',
        b'[{"kind": "slow", "seconds": -1}]',
        b'[{"kind": "reset", "endpoint": "lists"}]',
        b'[{"kind": "reset"}, {"kind": "earthquake"}]',
    ],
)
def test_an_invalid_list_of_faults_is_refused(
    http: httpx.Client, faults_url: str, content: bytes
) -> None:
    """With a message; the active faults stay active."""
    http.put(faults_url, json=[{"kind": "internal_error"}])
    refused = http.put(faults_url, content=content)

    assert refused.status_code == 400
    assert refused.json()["error"]
    assert [fault["kind"] for fault in http.get(faults_url).json()] == ["internal_error"]
    assert http.get(LIST).status_code == 500


@pytest.mark.parametrize("data", [[5], ["reset"], [None], 5, {"kind": "reset"}, [{"evry": 1}]])
def test_data_of_another_shape_is_a_value_error(data: Any) -> None:
    """So that callers have one exception to catch."""
    with pytest.raises(ValueError, match="fault"):
        faults_from(data)


@pytest.mark.parametrize(
    "selector", [{"endpoint": "lists"}, {"count": -1}, {"seconds": -0.1}, {"rows": 0}]
)
def test_a_fault_created_in_python_is_validated(selector: Row) -> None:
    """A fault with a misspelled selector would never apply."""
    with pytest.raises(ValueError, match=next(iter(selector))):
        Fault(kind="reset", **selector)


def test_the_documented_example_of_faults_can_be_read() -> None:
    """Exactly as on the page."""
    page = (Path(__file__).parents[2] / "docs/sandbox.md").read_text()
    example = page.split("```toml\n")[1].split("```")[0]

    assert len(faults_from(tomllib.loads(example)["faults"])) >= 2
