"""Faults of resources on a real socket, as a plain client sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Fault, Sandbox
from comms_source.sandbox.faults import ENDPOINTS
from tests.sandbox.resource_requests import NOW, Row

LIST = "/Messages"


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A plain client with valid credentials."""
    with httpx.Client(
        base_url=sandbox.url, auth=(ACCOUNT_ID, AUTH_TOKEN), timeout=5, trust_env=False
    ) as client:
        yield client


@pytest.fixture
def operation(sandbox: Sandbox) -> str:
    """An operation with some hundred messages, some of which failed."""
    found: str = next(
        row["id"]
        for row in sandbox.truth("messages")
        if 100 < row["stats"]["total"] < 900 and row["stats"]["failed"]
    )
    return found


def rows(http: httpx.Client, operation: str) -> list[Row]:
    """The messages on the first page of an operation."""
    listed: list[Row] = http.get(LIST, params={"operationId": operation}).json()["messages"]
    return listed


TRACES: dict[str, Callable[[Row], bool]] = {
    "row_without_id": lambda row: "id" not in row,
    "row_without_created_at": lambda row: "createdAt" not in row,
    "row_with_bad_created_at": lambda row: not row["createdAt"].startswith("2026-"),
    "row_without_related": lambda row: "related" not in row,
    "new_field": lambda row: "bounced" in row,
    "lower_case_status": lambda row: row["status"].islower(),
    "unknown_status": lambda row: row["status"] == "PAUSED",
}


@pytest.mark.parametrize("kind", TRACES)
def test_a_row_fault_changes_every_nth_resource_and_no_other(
    sandbox: Sandbox, http: httpx.Client, operation: str, kind: str
) -> None:
    """Beginning with the first; the number of rows does not change."""
    sound = rows(http, operation)
    sandbox.faults.replace([Fault(kind=kind, rows=7, name="bounced")])
    changed = rows(http, operation)

    assert len(changed) == len(sound) == 50
    for position, (row, was) in enumerate(zip(changed, sound, strict=True)):
        assert TRACES[kind](row) == (position % 7 == 0)
        assert (row == was) == (position % 7 != 0)


def test_a_duplicate_resource_follows_the_original(
    sandbox: Sandbox, http: httpx.Client, operation: str
) -> None:
    """All other rows occur once."""
    sound = rows(http, operation)
    sandbox.faults.replace([Fault(kind="duplicate_row", rows=25)])

    assert rows(http, operation) == [sound[0], *sound[:25], sound[25], *sound[25:]]


def test_a_row_of_another_operation_is_added(
    sandbox: Sandbox, http: httpx.Client, operation: str
) -> None:
    """With an id of its own, so that nothing is missing where it is left out."""
    sound = rows(http, operation)
    sandbox.faults.replace([Fault(kind="row_of_another_operation", rows=10)])
    mixed = rows(http, operation)
    strange = [row for row in mixed if row["related"][0]["id"] != operation]

    assert [row for row in mixed if row not in strange] == sound
    assert len(strange) == len({row["id"] for row in strange}) == 5
    assert not {row["id"] for row in strange} & {row["id"] for row in sound}
    for row in strange:
        (related,) = row["related"]
        assert related["uri"].endswith(f"/Operations/{related['id']}")


@pytest.mark.parametrize("kind", ["new_counter", "row_with_text_counter", "missing_counter"])
def test_faults_of_counters_leave_resources_alone(
    sandbox: Sandbox, http: httpx.Client, operation: str, kind: str
) -> None:
    """They have none."""
    sound = rows(http, operation)
    sandbox.faults.replace([Fault(kind=kind)])

    assert rows(http, operation) == sound


def test_an_ignored_filter_lists_the_whole_account(
    sandbox: Sandbox, http: httpx.Client, operation: str
) -> None:
    """As the API is said to do with a name that it does not know; other filters still count."""
    account = http.get(LIST, params={"status": "FAILED"}).json()["messages"]
    sandbox.faults.replace([Fault(kind="ignored_filter", endpoint="resources")])
    listed = http.get(LIST, params={"operationId": operation, "status": "FAILED"})

    assert listed.json()["messages"] == account
    assert {row["related"][0]["id"] for row in account} != {operation}
    page = listed.json()["pagination"]["next"]
    again = http.get(LIST, params={"operationId": operation, "pageToken": page})
    assert len(again.json()["messages"]) == 50


def test_ignored_dates_list_all_resources(sandbox: Sandbox, http: httpx.Client) -> None:
    """Of all creation times."""
    dates = {"endDate": (NOW - timedelta(days=6)).isoformat()}
    newest = http.get(LIST).json()["messages"]
    assert http.get(LIST, params=dates).json()["messages"] != newest
    sandbox.faults.replace([Fault(kind="ignored_dates")])

    assert http.get(LIST, params=dates).json()["messages"] == newest


@pytest.mark.parametrize("kind", ["repeat_token", "endless_pages"])
@pytest.mark.parametrize("suffix", ["", "/Errors"])
def test_pages_may_be_endless(
    sandbox: Sandbox, http: httpx.Client, operation: str, kind: str, suffix: str
) -> None:
    """The same page, with the same token or with a new one each time."""
    path = f"/Messages/Operations/{operation}/Errors" if suffix else LIST
    asked: dict[str, Any] = {} if suffix else {"operationId": operation}
    sandbox.faults.replace([Fault(kind=kind)])
    first = http.get(path, params=asked).json()
    tokens = [first["pagination"]["next"]]
    for _ in range(5):
        again = http.get(path, params=asked | {"pageToken": tokens[-1]}).json()
        tokens.append(again.pop("pagination")["next"])
        assert again.items() <= first.items()

    assert len(set(tokens)) == (1 if kind == "repeat_token" else 6)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_fault_applies_to_its_endpoint_only(
    sandbox: Sandbox, http: httpx.Client, operation: str, endpoint: Any
) -> None:
    """Each of the five, and without one to all."""
    (message, *_) = rows(http, operation)
    paths = {
        "list": "/Messages/Operations",
        "fetch": f"/Messages/Operations/{operation}",
        "resources": LIST,
        "resource": f"/Messages/{message['id']}",
        "errors": f"/Messages/Operations/{operation}/Errors",
    }
    sandbox.faults.replace([Fault(kind="method_not_allowed", endpoint=endpoint)])

    assert {name: http.get(path).status_code for name, path in paths.items()} == {
        name: 405 if name == endpoint else 200 for name in paths
    }
    sandbox.faults.replace([Fault(kind="forbidden")])
    assert {http.get(path).status_code for path in paths.values()} == {403}


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("forbidden", 403, 20403), ("not_found", 404, 20404), ("method_not_allowed", 405, 20004)],
)
def test_errors_may_not_be_available(
    sandbox: Sandbox, http: httpx.Client, operation: str, kind: str, status: int, code: int
) -> None:
    """With the documented form of an error."""
    sandbox.faults.replace([Fault(kind=kind, endpoint="errors", channel="messages")])
    answer = http.get(f"/Messages/Operations/{operation}/Errors")

    assert answer.status_code == status
    assert answer.json()["errors"][0]["code"] == code


def test_rows_of_errors_may_have_new_fields(
    sandbox: Sandbox, http: httpx.Client, operation: str
) -> None:
    """Their fields are not documented."""
    sandbox.faults.replace([Fault(kind="new_field", name="severity", rows=1)])
    found = http.get(f"/Messages/Operations/{operation}/Errors").json()["errors"]

    assert found
    assert all("severity" in row for row in found)
