"""Paging, with every setting for what the API does not document."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comms_source.channels import CHANNELS, STATUSES
from comms_source.sandbox import (
    ACCOUNT_ID,
    AUTH_TOKEN,
    Clock,
    Fault,
    Request,
    SandboxModel,
    SandboxSettings,
)

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
WEEK = timedelta(days=7)
AUTHORIZATION = "Basic " + base64.b64encode(f"{ACCOUNT_ID}:{AUTH_TOKEN}".encode()).decode()

undocumented = st.fixed_dictionaries(
    {
        "seed": st.integers(min_value=0, max_value=99),
        "operations_per_week": st.integers(min_value=0, max_value=90),
        "start_bound": st.sampled_from(["inclusive", "exclusive"]),
        "end_bound": st.sampled_from(["inclusive", "exclusive"]),
        "order": st.sampled_from(["ascending", "descending"]),
        "tokens": st.sampled_from(["strict", "loose"]),
        "short_pages": st.booleans(),
        "empty_pages": st.booleans(),
        "timestamps": st.sampled_from(["seconds", "milliseconds"]),
        "past_retention": st.sampled_from(["omit", "partial"]),
        "visibility_lag": st.sampled_from([timedelta(0), timedelta(hours=9)]),
    }
)
# Creation times and other instants, inside and outside of the week.
bounds = st.none() | st.integers(min_value=0) | st.timedeltas(-2 * WEEK, 5 * WEEK)


def model(**changes: Any) -> SandboxModel:
    """A sandbox without a socket, with a stopped clock."""
    return SandboxModel(SandboxSettings(**changes), Clock(NOW))


def page(sandbox: SandboxModel, channel: str, **parameters: str) -> dict[str, Any]:
    """One page."""
    path = f"/{CHANNELS[channel].path}/Operations"
    response = sandbox.respond(Request(path, list(parameters.items()), AUTHORIZATION))
    assert response.status == 200, response.body
    content: dict[str, Any] = msgspec.json.decode(response.body)
    return content


def pages(sandbox: SandboxModel, channel: str, **filters: str) -> Iterator[dict[str, Any]]:
    """Every page from the first to `next: null`."""
    beside = filters
    for _ in range(1000):
        shown = page(sandbox, channel, **beside)
        yield shown
        if shown["pagination"]["next"] is None:
            return
        beside = filters | {"pageToken": shown["pagination"]["next"]}
    pytest.fail("the pages do not end")


def created(row: dict[str, Any]) -> datetime:
    """When an operation was created."""
    return datetime.fromisoformat(row["createdAt"])


def instant(bound: int | timedelta | None, truth: list[dict[str, Any]]) -> datetime | None:
    """A bound as an instant: the creation of some operation, or a time before now."""
    if isinstance(bound, timedelta):
        return NOW - bound // timedelta(milliseconds=1) * timedelta(milliseconds=1)
    return created(truth[bound % len(truth)]) if truth and bound is not None else None


def inside(row: dict[str, Any], start: datetime | None, end: datetime | None, **bound: Any) -> bool:
    """Whether an operation is in a range, according to the settings."""
    at = created(row)
    after = start is None or at > start or (at == start and bound["start_bound"] == "inclusive")
    before = end is None or at < end or (at == end and bound["end_bound"] == "inclusive")
    return after and before


@settings(max_examples=120)
@given(
    undocumented,
    st.sampled_from(list(CHANNELS)),
    bounds,
    bounds,
    st.sampled_from([None, None, *STATUSES]),
    st.sampled_from([1, 2, 3, 7, 50, 1000]),
)
def test_a_scan_lists_every_matching_operation_once(
    options: dict[str, Any],
    channel: str,
    first: int | timedelta | None,
    last: int | timedelta | None,
    status: str | None,
    size: int,
) -> None:
    """With all settings; and the token `self` of each page fetches that page again."""
    sandbox = model(**options)
    truth = sandbox.truth(channel)
    start, end = instant(first, truth), instant(last, truth)
    given_filters = {
        "startDate": start.isoformat() if start else None,
        "endDate": end.isoformat() if end else None,
        "status": status,
        "pageSize": str(size),
    }
    filters = {name: value for name, value in given_filters.items() if value}

    scanned = list(pages(sandbox, channel, **filters))

    listed = [row for shown in scanned for row in shown["operations"]]
    expected = [
        row
        for row in truth
        if inside(row, start, end, **options) and status in {None, row["status"]}
    ]
    key = itemgetter("id")
    assert sorted(listed, key=key) == sorted(expected, key=key)
    times = [created(row) for row in listed]
    assert times == sorted(times, reverse=options["order"] == "descending")
    assert all(len(shown["operations"]) <= size for shown in scanned)
    for shown in scanned:
        again = page(sandbox, channel, **filters, pageToken=shown["pagination"]["self"])
        assert again == shown


@pytest.mark.parametrize("order", ["ascending", "descending"])
@pytest.mark.parametrize("tokens", ["strict", "loose"])
def test_a_long_scan_misses_and_repeats_nothing(order: str, tokens: str) -> None:
    """Operations that were listed when it began are listed once, while others are created."""
    sandbox = model(order=order, tokens=tokens, operations_per_week=200)
    edge = NOW - WEEK + timedelta(days=1)
    before = {row["id"] for row in sandbox.truth("emails") if created(row) >= edge}
    filters = {"startDate": edge.isoformat(), "pageSize": "9"}
    ids: list[str] = []
    for shown in pages(sandbox, "emails", **filters):
        ids += [row["id"] for row in shown["operations"]]
        sandbox.clock.advance(timedelta(minutes=40))

    assert len(ids) == len(set(ids))
    assert before <= set(ids)


def test_pages_are_full_unless_settings_allow_others() -> None:
    """By default only the last page has fewer operations than requested."""
    sizes = {
        name: [len(shown["operations"]) for shown in pages(sandbox, "messages", pageSize="10")]
        for name, sandbox in {
            "plain": model(operations_per_week=400),
            "short": model(operations_per_week=400, short_pages=True),
            "empty": model(operations_per_week=400, empty_pages=True),
        }.items()
    }

    assert set(sizes["plain"][:-1]) == {10}
    assert len(set(sizes["short"][:-1])) > 1
    assert 0 not in sizes["short"]
    assert set(sizes["empty"][:-1]) == {0, 10}
    assert sizes["empty"].count(0) > 1


def test_the_default_page_size_is_50() -> None:
    """And the maximum is 1000."""
    sandbox = model(operations_per_week=1500)

    assert len(page(sandbox, "messages")["operations"]) == 50
    assert len(page(sandbox, "messages", pageSize="1000")["operations"]) == 1000


@pytest.mark.parametrize(
    "range_", [("2026-11-19T00:00:00Z", "2026-11-18T00:00:00Z"), ("2026-11-21", "2026-11-30")]
)
def test_an_empty_range_is_one_page_without_rows(range_: tuple[str, str]) -> None:
    """A range that ends before it begins, and a range in the future."""
    start, end = range_
    (shown,) = pages(model(), "emails", startDate=start, endDate=end)

    assert (shown["operations"], shown["pagination"]["next"]) == ([], None)


def test_a_channel_without_operations_is_one_page_without_rows() -> None:
    """It is not an error."""
    sandbox = model(operations_per_week={"messages": 10})

    assert [shown["operations"] for shown in pages(sandbox, "emails", startDate="2026-11-01")] == [
        []
    ]
    assert sandbox.truth("emails") == []
    assert sandbox.truth("messages")


@pytest.mark.parametrize("kind", ["repeat_token", "endless_pages"])
def test_a_fault_can_make_the_pages_endless(kind: str) -> None:
    """The same page without end, with the same token or with a new one each time."""
    sandbox = model(tokens="strict", faults=(Fault(kind=kind),))
    shown = page(sandbox, "messages", pageSize="3")
    tokens = []
    for _ in range(30):
        again = page(sandbox, "messages", pageSize="3", pageToken=shown["pagination"]["next"])
        assert again["operations"] == shown["operations"]
        tokens.append(again["pagination"]["next"])

    assert len(set(tokens)) == (1 if kind == "repeat_token" else 30)
