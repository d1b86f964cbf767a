"""What the tests of resources share: a sandbox without a socket, and requests to it."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pytest

from comms_source.channels import CHANNELS
from comms_source.sandbox import (
    ACCOUNT_ID,
    AUTH_TOKEN,
    Clock,
    Request,
    Response,
    SandboxModel,
    SandboxSettings,
)

NOW: Final = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
BASIC: Final = "Basic " + base64.b64encode(f"{ACCOUNT_ID}:{AUTH_TOKEN}".encode()).decode()
KEYS: Final = {
    "messages": "messages",
    "emails": "emails",
    "push_notifications": "notifications",
}
"""The keys of the lists, by channel."""

Row = dict[str, Any]


def model(**changes: Any) -> SandboxModel:
    """A sandbox without a socket, with a stopped clock."""
    return SandboxModel(SandboxSettings(**{"operations_per_week": 60, **changes}), Clock(NOW))


def ask(sandbox: SandboxModel, path: str, /, **parameters: str) -> Response:
    """Send a request with valid credentials."""
    return sandbox.respond(Request(path, list(parameters.items()), BASIC))


def content(response: Response) -> Any:
    """The JSON of a response with status 200."""
    assert response.status == 200, response.body
    return msgspec.json.decode(response.body)


def pages(sandbox: SandboxModel, path: str, /, **filters: str) -> Iterator[Row]:
    """Every page from the first to `next: null`, with the filters sent again."""
    beside = filters
    for _ in range(10_000):
        page = content(ask(sandbox, path, **beside))
        yield page
        if page["pagination"]["next"] is None:
            return
        beside = filters | {"pageToken": page["pagination"]["next"]}
    pytest.fail("the pages do not end")


def rows(sandbox: SandboxModel, channel: str, /, **filters: str) -> list[Row]:
    """The resources on all pages of a list."""
    path, key = f"/{CHANNELS[channel].path}", KEYS[channel]
    return [row for page in pages(sandbox, path, **filters) for row in page[key]]


def fetched(sandbox: SandboxModel, channel: str, resource_id: str) -> Row | None:
    """A resource by id; None if it is not found."""
    answer = ask(sandbox, f"/{CHANNELS[channel].path}/{resource_id}")
    return None if answer.status == 404 else content(answer)


def small(sandbox: SandboxModel, channel: str, *, most: int = 60) -> list[Row]:
    """The operations of a channel with at most so many resources, oldest first."""
    return [row for row in sandbox.truth(channel) if row["stats"]["total"] <= most]


def counted(stats: Mapping[str, int], *, reading: str) -> Counter[str]:
    """How many resources have each status, according to the counters of an operation."""
    left_out = {"total", "recipients", "attempts", "unaddressable"}
    counts = {name: count for name, count in stats.items() if name not in left_out}
    if reading == "cumulative" and "delivered" in stats:
        seen = counts.get("read", 0) + counts.get("opened", 0)
        counts["sent"] -= counts["delivered"] + counts["undelivered"]
        counts["delivered"] -= seen
    return Counter({name.upper(): count for name, count in counts.items() if count})
