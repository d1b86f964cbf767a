"""Each kind of fault, on a real socket, as a plain client meets it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Fault, Sandbox, faults_from
from comms_source.sandbox.faults import ANSWER_FAULTS, KINDS, PAGE_FAULTS, ROW_FAULTS
from comms_source.sandbox.paging import MARK

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
    "redirect": 302,
    "echo_secrets": 400,
    "html": 200,
    "no_envelope": 200,
    "cut_json": 200,
    "slow": 200,
}
BREAKS = {
    "reset": httpx.ReadError,
    "hang": httpx.ReadError,
    "cut": httpx.RemoteProtocolError,
}


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A plain client with good credentials."""
    with httpx.Client(
        base_url=sandbox.url, auth=(ACCOUNT_ID, AUTH_TOKEN), timeout=5, trust_env=False
    ) as client:
        yield client


@pytest.fixture
def door(sandbox: Sandbox) -> str:
    """Where faults are put in force."""
    return sandbox.url.removesuffix("/v1") + "/sandbox/faults"


def rows(http: httpx.Client) -> list[dict[str, Any]]:
    """The operations of one page."""
    operations: list[dict[str, Any]] = http.get(LIST).json()["operations"]
    return operations


def test_every_kind_of_fault_is_met_in_this_file() -> None:
    """A new one has to come with its own case."""
    assert {*STATUSES, *BREAKS} == set(ANSWER_FAULTS)
    assert {*TRACES} == set(ROW_FAULTS)
    assert {*ANSWER_FAULTS, *PAGE_FAULTS, *ROW_FAULTS} == set(KINDS)


@pytest.mark.parametrize(("kind", "status"), STATUSES.items())
def test_an_answer_has_the_status_of_its_fault_and_the_next_is_sound(
    sandbox: Sandbox, http: httpx.Client, kind: str, status: int
) -> None:
    """A fault that is spent leaves nothing behind."""
    sound = http.get(LIST)
    sandbox.faults.replace([Fault(kind=kind, count=1, seconds=0.05)])

    assert http.get(LIST).status_code == status
    assert http.get(LIST).content == sound.content


@pytest.mark.parametrize(("kind", "error"), BREAKS.items())
@pytest.mark.parametrize("path", [LIST, f"{LIST}/comms_operation_0"])
def test_a_broken_connection_raises_and_the_next_one_is_sound(
    sandbox: Sandbox, http: httpx.Client, kind: str, error: type[Exception], path: str
) -> None:
    """On lists as on fetches, and on a connection that had already served."""
    sound = http.get(path)
    sandbox.faults.replace([Fault(kind=kind, count=1, seconds=0.05)])

    with pytest.raises(error):
        http.get(path)
    assert http.get(path).content == sound.content


def test_a_cut_answer_arrives_in_part_before_it_breaks(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    """Half of what its header promises, so that nobody can take it for the whole."""
    sandbox.faults.replace([Fault(kind="cut")])
    arrived: list[bytes] = []
    with http.stream("GET", LIST) as answer:
        promised = int(answer.headers["content-length"])
        with pytest.raises(httpx.RemoteProtocolError):
            arrived.extend(answer.iter_raw())

    assert 0 < sum(map(len, arrived)) < promised


def test_json_that_ends_half_way_is_a_whole_answer(sandbox: Sandbox, http: httpx.Client) -> None:
    """Only its content tells that something is missing."""
    sandbox.faults.replace([Fault(kind="cut_json")])
    answer = http.get(LIST)

    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_hanging_answer_keeps_nobody_else_waiting(sandbox: Sandbox, http: httpx.Client) -> None:
    """And a client that has given up does not trouble the sandbox."""
    sandbox.faults.replace([Fault(kind="hang", seconds=30, channel="emails")])
    with pytest.raises(httpx.ReadTimeout):
        http.get(LIST, timeout=0.1)

    assert http.get("/Messages/Operations").status_code == 200


@pytest.mark.parametrize("kind", ["too_many_requests", "unavailable"])
@pytest.mark.parametrize("told", ["7", "0", "Fri, 20 Nov 2026 12:00:30 GMT", None])
def test_the_time_to_wait_is_told_as_set(
    sandbox: Sandbox, http: httpx.Client, kind: str, told: str | None
) -> None:
    """Word for word, or not at all."""
    sandbox.faults.replace([Fault(kind=kind, retry_after=told)])

    assert http.get(LIST).headers.get("retry-after") == told


def test_an_answer_without_its_envelope_is_json_all_the_same(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    """It is no list, and says 200."""
    sandbox.faults.replace([Fault(kind="no_envelope")])

    assert not {"operations", "pagination"} & http.get(LIST).json().keys()


def test_an_echo_repeats_what_must_not_be_repeated(sandbox: Sandbox, http: httpx.Client) -> None:
    """Page token and credentials stand in the message, for clients to keep out of theirs."""
    token = http.get(LIST).json()["pagination"]["next"]
    sandbox.faults.replace([Fault(kind="echo_secrets")])
    asked = http.build_request("GET", LIST, params={"pageToken": token})
    answer = http.send(asked, auth=(ACCOUNT_ID, AUTH_TOKEN))

    assert MARK in answer.json()["errors"][0]["message"]
    assert answer.request.headers["authorization"] in answer.json()["errors"][0]["message"]


def test_a_redirect_carries_the_page_token_away(sandbox: Sandbox, http: httpx.Client) -> None:
    """Whoever follows it, or logs where to, has leaked it."""
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
TRACES["duplicate_row"] = lambda _: False  # no row shows it by itself


@pytest.mark.parametrize("kind", [kind for kind in TRACES if kind != "duplicate_row"])
def test_a_row_fault_alters_each_so_manieth_row_and_no_other(
    sandbox: Sandbox, http: httpx.Client, kind: str
) -> None:
    """Beginning with the first; the page stays as long as it was."""
    sound = rows(http)
    sandbox.faults.replace([Fault(kind=kind, rows=7, name="bounced")])
    struck = rows(http)

    assert len(struck) == len(sound) == 50
    for position, (row, was) in enumerate(zip(struck, sound, strict=True)):
        assert TRACES[kind](row) == (position % 7 == 0)
        assert (row == was) == (position % 7 != 0)


def test_a_doubled_row_comes_twice_in_a_row(sandbox: Sandbox, http: httpx.Client) -> None:
    """All others once."""
    sound = rows(http)
    sandbox.faults.replace([Fault(kind="duplicate_row", rows=25)])

    assert rows(http) == [sound[0], *sound[:25], sound[25], *sound[25:]]


def test_several_faults_strike_together(sandbox: Sandbox, http: httpx.Client) -> None:
    """Each at its own requests and rows; one that stands in for the answer hides the others."""
    sandbox.faults.replace(
        [
            Fault(kind="new_field", name="tags", rows=1),
            Fault(kind="unknown_status", rows=2),
            Fault(kind="internal_error", first=2),
        ]
    )
    struck = rows(http)

    assert all("tags" in row for row in struck)
    assert [row["status"] == "PAUSED" for row in struck] == [True, False] * 25
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
def test_faults_set_over_http_strike_what_they_name(
    http: httpx.Client, door: str, selector: Row, lists: int, fetches: int, messages: int
) -> None:
    """A list of emails, an unknown email operation, a list of messages, in this order."""
    told = http.put(door, json=[{"kind": "internal_error", **selector}])

    assert told.status_code == 200
    assert [selector.items() <= fault.items() for fault in told.json()] == [True]
    paths = (LIST, f"{LIST}/comms_operation_0", "/Messages/Operations")
    assert [http.get(path).status_code for path in paths] == [lists, fetches, messages]


def test_faults_set_anew_begin_to_count_anew(http: httpx.Client, door: str) -> None:
    """The same fault may be put in force again and again."""
    for _ in range(2):
        http.put(door, json=[{"kind": "internal_error", "count": 1}])
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
def test_what_is_no_list_of_faults_is_refused_as_a_whole(
    http: httpx.Client, door: str, content: bytes
) -> None:
    """With a sentence; what was in force stays in force."""
    http.put(door, json=[{"kind": "internal_error"}])
    refused = http.put(door, content=content)

    assert refused.status_code == 400
    assert refused.json()["error"]
    assert [fault["kind"] for fault in http.get(door).json()] == ["internal_error"]
    assert http.get(LIST).status_code == 500


@pytest.mark.parametrize("data", [[5], ["reset"], [None], 5, {"kind": "reset"}, [{"evry": 1}]])
def test_data_of_any_other_shape_is_a_value_error(data: Any) -> None:
    """So that whoever reads a file of faults has one error to catch."""
    with pytest.raises(ValueError, match="fault"):
        faults_from(data)


@pytest.mark.parametrize(
    "selector", [{"endpoint": "lists"}, {"count": -1}, {"seconds": -0.1}, {"rows": 0}]
)
def test_a_fault_made_in_python_is_checked_like_one_from_data(selector: Row) -> None:
    """A misspelled selector would strike never and prove nothing."""
    with pytest.raises(ValueError, match=next(iter(selector))):
        Fault(kind="reset", **selector)


def test_the_documented_example_of_faults_can_be_read() -> None:
    """It is what one copies first."""
    page = (Path(__file__).parents[2] / "docs/sandbox.md").read_text()
    example = page.split("```toml\n")[1].split("```")[0]

    assert len(faults_from(tomllib.loads(example)["faults"])) >= 2
