"""A rendered sandbox responds like a normal one with a stopped clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from comms_source.channels import CHANNELS
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, Fault, Sandbox, SandboxSettings
from tests.support import NOW

SETTINGS: dict[str, Any] = {"operations_per_week": 120}


def answers(sandbox: Sandbox, query: str) -> list[Any]:
    """The responses to a request for a page, for each channel."""
    with httpx.Client(auth=(ACCOUNT_ID, AUTH_TOKEN)) as client:
        paths = [f"{sandbox.url}/{channel.path}/Operations" for channel in CHANNELS.values()]
        return [client.get(f"{path}?{query}").json() for path in paths]


@pytest.mark.parametrize(
    "query",
    [
        "pageSize=1000",
        "pageSize=7",
        "status=COMPLETED",
        "startDate=2026-11-15T00:00:00Z&endDate=2026-11-17T12:00:00Z",
        "startDate=2026-01-15T00:00:00Z&endDate=2027-11-17T12:00:00Z",
    ],
)
@pytest.mark.parametrize("faults", [(), (Fault(kind="new_field"),)])
def test_a_rendered_sandbox_has_the_same_data(query: str, faults: tuple[Fault, ...]) -> None:
    """The same pages and fields, also with faults."""
    normal = Sandbox(SandboxSettings(**SETTINGS, faults=faults), Clock(NOW))
    rendered = Sandbox(SandboxSettings(**SETTINGS, faults=faults, rendered=True), Clock(NOW))
    with normal, rendered:
        assert answers(rendered, query) == answers(normal, query)
        for channel in CHANNELS:
            assert rendered.truth(channel) == normal.truth(channel)


def test_nothing_changes_after_rendering() -> None:
    """No counter changes, no operation is added, and none leaves the lists."""
    with Sandbox(SandboxSettings(**SETTINGS, rendered=True), Clock(NOW)) as sandbox:
        before = {row["id"]: row for row in sandbox.truth("emails")}
        sandbox.clock.advance(timedelta(days=2))
        after = {row["id"]: row for row in sandbox.truth("emails")}

        assert after == before
        *_, shown = after
        with httpx.Client(auth=(ACCOUNT_ID, AUTH_TOKEN)) as client:
            found = client.get(f"{sandbox.url}/Emails/Operations/{shown}").json()
        assert found == after[shown]
