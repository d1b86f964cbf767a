"""Receipts: how many of several recipients have each status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, Fault, Sandbox, SandboxSettings
from tests.runs.details_world import query
from tests.support import NOW, load

pytestmark = pytest.mark.slow

GROUPS = "select id, recipients, receipts from comms.messages where status = 'GROUP'"


@pytest.fixture
def groups() -> Iterator[Sandbox]:
    """A sandbox with some group messages."""
    settings = SandboxSettings(operations_per_week={"messages": 40})
    with Sandbox(settings, Clock(NOW)) as serving:
        yield serving


def read(sandbox: Sandbox, **changes: Any) -> Any:
    """Load the resources of the group messages' channel."""
    return load(sandbox, details=["resources"], channels=["messages"], **changes).stats


def test_receipts_are_counted_by_status(groups: Sandbox) -> None:
    """As the API says; messages with one recipient have none, and nothing is asked for them."""
    stats = read(groups)
    found = {id_: (recipients, receipts) for id_, recipients, receipts in query(GROUPS)}

    assert stats.exit_code == 0
    assert found
    for message_id, (recipients, receipts) in found.items():
        url = f"{groups.url}/Messages/{message_id}/Receipts"
        rows = httpx.get(url, auth=(ACCOUNT_ID, AUTH_TOKEN)).json()["receipts"]
        assert msgspec.json.decode(receipts) == Counter(row["status"] for row in rows)
        assert len(rows) == recipients
    others = query("select count(receipts) from comms.messages where status <> 'GROUP'")
    assert others == [(0,)]
    asked = [each for each in groups.requests if each.endpoint == "receipts"]
    assert len(asked) == 2 * len(found)


@pytest.mark.parametrize("kind", ["forbidden", "not_found", "method_not_allowed", "bad_request"])
def test_refused_receipts_cost_one_request_and_nothing_else(groups: Sandbox, kind: str) -> None:
    """They are not documented, so nothing is missing; the run says that they were refused."""
    groups.faults.replace([Fault(kind=kind, endpoint="receipts")])
    stats = read(groups, concurrency=1)

    assert stats.exit_code == 0
    assert stats.channels["messages"].details.unavailable.keys() == {"receipts"}
    assert len([each for each in groups.requests if each.endpoint == "receipts"]) == 1
    assert {receipts for _, _, receipts in query(GROUPS)} == {None}
