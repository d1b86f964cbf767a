"""A rendered sandbox answers as a living one whose clock stands still."""

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
    """What three requests for a page are answered with, channel by channel."""
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
def test_it_shows_the_same_as_a_living_one(query: str, faults: tuple[Fault, ...]) -> None:
    """Page for page and field for field, faults included."""
    living = Sandbox(SandboxSettings(**SETTINGS, faults=faults), Clock(NOW))
    rendered = Sandbox(SandboxSettings(**SETTINGS, faults=faults, rendered=True), Clock(NOW))
    with living, rendered:
        assert answers(rendered, query) == answers(living, query)
        for channel in CHANNELS:
            assert rendered.truth(channel) == living.truth(channel)


def test_nothing_moves_after_it_was_rendered() -> None:
    """Neither counters nor new operations; what is too old is shown no longer."""
    with Sandbox(SandboxSettings(**SETTINGS, rendered=True), Clock(NOW)) as sandbox:
        before = {row["id"]: row for row in sandbox.truth("emails")}
        sandbox.clock.advance(timedelta(days=2))
        after = {row["id"]: row for row in sandbox.truth("emails")}

        assert len(after) < len(before)
        assert after.items() <= before.items()
        (shown, *_) = after
        with httpx.Client(auth=(ACCOUNT_ID, AUTH_TOKEN)) as client:
            found = client.get(f"{sandbox.url}/Emails/Operations/{shown}").json()
        assert found == after[shown]
