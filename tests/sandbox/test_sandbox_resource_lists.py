"""Lists of resources: filters, pages and settings."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from comms_source.channels import CHANNELS
from comms_source.sandbox import ACCOUNT_ID, Trouble
from comms_source.sandbox.queries import RESOURCE_FILTERS
from comms_source.sandbox.resources import STATUSES
from comms_source.sandbox.troubles import KINDS
from tests.sandbox.resource_requests import (
    KEYS,
    NOW,
    Row,
    ask,
    content,
    counted,
    fetched,
    model,
    pages,
    rows,
    small,
)

WEEK = timedelta(days=7)

channels = st.sampled_from(list(CHANNELS))
undocumented = st.fixed_dictionaries(
    {
        "seed": st.integers(min_value=0, max_value=99),
        "operations_per_week": st.integers(min_value=0, max_value=40),
        "start_bound": st.sampled_from(["inclusive", "exclusive"]),
        "end_bound": st.sampled_from(["inclusive", "exclusive"]),
        "order": st.sampled_from(["ascending", "descending"]),
        "tokens": st.sampled_from(["strict", "loose"]),
        "short_pages": st.booleans(),
        "empty_pages": st.booleans(),
        "timestamps": st.sampled_from(["seconds", "milliseconds"]),
        "past_retention": st.sampled_from(["omit", "partial"]),
        "visibility_lag": st.sampled_from([timedelta(0), timedelta(hours=9)]),
        "resource_lag": st.sampled_from([timedelta(0), timedelta(hours=30)]),
        "related": st.booleans(),
        "rendered": st.booleans(),
    }
)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_list_has_the_resources_of_its_operation(channel: str) -> None:
    """As many of each status as its counters say, and as `resource_truth` has them."""
    sandbox = model()
    reading = sandbox.settings.readings.get(channel, "exclusive")
    operations = [row for row in small(sandbox, channel) if row["status"] == "COMPLETED"]

    assert operations
    for operation in operations:
        listed = rows(sandbox, channel, operationId=operation["id"])
        found = Counter(row["status"] for row in listed)
        expected = counted(operation["stats"], reading=reading)
        assert found == (Counter({"GROUP": 1}) if "GROUP" in found else expected)
        assert listed[::-1] == sandbox.resource_truth(channel, operation["id"])


@pytest.mark.parametrize("kind", KINDS)
def test_resources_follow_the_troubles_of_their_operation(kind: str) -> None:
    """Their statuses add up to the counters that the trouble changed."""
    trouble = Trouble(kind, NOW - WEEK, NOW, "messages")
    calm, troubled = model(), model(troubles=(trouble,))
    changed = [
        row
        for row, was in zip(troubled.truth("messages"), calm.truth("messages"), strict=True)
        if row["stats"] != was["stats"]
    ]

    assert changed
    for operation in changed:
        truth = troubled.resource_truth("messages", operation["id"])
        found = Counter(row["status"] for row in truth)
        assert found == counted(operation["stats"], reading="exclusive")


@settings(max_examples=100)
@given(undocumented, channels, st.integers(min_value=0), st.data())
def test_the_pages_of_an_operation_are_its_truth(
    options: dict[str, Any], channel: str, which: int, data: st.DataObject
) -> None:
    """With all settings, any filters and any page size; and `self` fetches a page again."""
    sandbox = model(**options)
    operations = small(sandbox, channel)
    assume(operations)
    operation = operations[which % len(operations)]
    status = data.draw(st.sampled_from([None, None, *STATUSES[channel]]))
    size = data.draw(st.sampled_from([1, 2, 7, 50, 1000]))
    given_filters = {"operationId": operation["id"], "status": status, "pageSize": str(size)}
    filters = {name: value for name, value in given_filters.items() if value}
    path, key = f"/{CHANNELS[channel].path}", KEYS[channel]

    scanned = list(pages(sandbox, path, **filters))

    listed = [row for page in scanned for row in page[key]]
    truth = sandbox.resource_truth(channel, operation["id"])
    expected = [row for row in truth if status in {None, row["status"]}]
    assert listed == (expected if options["order"] == "ascending" else expected[::-1])
    assert all(len(page[key]) <= size for page in scanned)
    page = scanned[which % len(scanned)]
    again = ask(sandbox, path, **filters, pageToken=page["pagination"]["self"])
    assert content(again) == page


bounds = st.none() | st.timedeltas(timedelta(days=-1), timedelta(days=8))


@settings(max_examples=40)
@given(undocumented, channels, bounds, bounds, st.sampled_from([40, 1000]))
def test_the_pages_of_an_account_are_those_of_its_operations(
    options: dict[str, Any],
    channel: str,
    first: timedelta | None,
    last: timedelta | None,
    size: int,
) -> None:
    """Without `operationId`, in the order of creation, from `startDate` to `endDate`."""
    sandbox = model(**options | {"operations_per_week": options["operations_per_week"] % 6})
    dates = {"startDate": first, "endDate": last}
    filters = {name: (NOW - age).isoformat() for name, age in dates.items() if age is not None}
    within = {row["id"] for row in _listed(sandbox, channel, **filters)}
    truth = sandbox.resource_truth(channel, None)
    assume(len(truth) < 3000)

    listed = rows(sandbox, channel, **filters, pageSize=str(size))

    expected = [
        row
        for operation in sandbox.truth(channel)
        if operation["id"] in within
        for row in sandbox.resource_truth(channel, operation["id"])
    ]
    assert listed == (expected if options["order"] == "ascending" else expected[::-1])
    if not filters:
        assert truth == expected


def _listed(sandbox: Any, channel: str, **filters: str) -> list[Row]:
    path = f"/{CHANNELS[channel].path}/Operations"
    return [row for page in pages(sandbox, path, **filters) for row in page["operations"]]


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_page_has_50_rows_unless_it_is_asked_for_others(channel: str) -> None:
    """At most 1,000, as lists of operations have."""
    sandbox, path = model(), f"/{CHANNELS[channel].path}"
    large = max(sandbox.truth(channel), key=lambda row: row["stats"]["sent"])["id"]

    for size, expected in ({}, 50), ({"pageSize": "1000"}, 1000):
        page = content(ask(sandbox, path, operationId=large, **size))
        assert len(page[KEYS[channel]]) == expected
    assert ask(sandbox, path, pageSize="1001").status == 400


@pytest.mark.parametrize("channel", CHANNELS)
def test_past_retention_an_operation_has_no_resources(channel: str) -> None:
    """Its list is empty, and none of them is found by id."""
    sandbox = model(timestamps="milliseconds", past_retention="partial")
    operation = next(row for row in small(sandbox, channel) if row["stats"]["sent"])
    last = datetime.fromisoformat(operation["createdAt"]) + WEEK

    sandbox.clock.set(last)
    (first, *_) = rows(sandbox, channel, operationId=operation["id"])
    assert fetched(sandbox, channel, first["id"]) is not None
    sandbox.clock.set(last + timedelta(milliseconds=1))
    assert rows(sandbox, channel, operationId=operation["id"]) == []
    assert fetched(sandbox, channel, first["id"]) is None


def test_lists_may_show_resources_late() -> None:
    """`resource_lag` after the creation of their operation; by id they are found at once."""
    lag = timedelta(minutes=10)
    sandbox, prompt = model(resource_lag=lag), model()
    operation = next(row for row in small(sandbox, "emails") if row["stats"]["sent"])
    created = datetime.fromisoformat(operation["createdAt"])

    for each in (sandbox, prompt):
        each.clock.set(created + lag - timedelta(milliseconds=1))
    assert rows(sandbox, "emails", operationId=operation["id"]) == []
    (first, *_) = rows(prompt, "emails", operationId=operation["id"])
    assert fetched(sandbox, "emails", first["id"]) == first
    sandbox.clock.set(created + lag)
    assert rows(sandbox, "emails", operationId=operation["id"])


@pytest.mark.parametrize("each", ["comms_operation_0", "x", "comms_operation_01h2xcejqtf2nbrexx3v"])
def test_an_unknown_operation_has_an_empty_list(each: str) -> None:
    """It is not an error, and neither is an operation of another channel."""
    sandbox = model()
    other = sandbox.truth("messages")[-1]["id"]

    assert rows(sandbox, "emails", operationId=each) == []
    assert rows(sandbox, "emails", operationId=other) == []


@pytest.mark.parametrize("name", ["notifications", "pushNotifications", "data"])
def test_the_key_of_push_notifications_is_a_setting(name: Any) -> None:
    """The documentation has no page for this list."""
    page = content(ask(model(push_envelope=name), "/PushNotifications", pageSize="1"))

    assert page.keys() == {name, "pagination"}


def test_samples_have_no_resources() -> None:
    """Their lists are empty, and a made-up id is not found."""
    sandbox = model(samples=("message_single", "email_list"))
    (operation, *_) = sandbox.truth("emails")

    assert rows(sandbox, "emails", operationId=operation["id"]) == rows(sandbox, "emails") == []
    assert fetched(sandbox, "emails", f"comms_email_1{'0' * 25}") is None


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("operation_id", "comms_operation_0"),
        ("sessionId", "x"),
        ("user", "x"),
        ("sort", "asc"),
        ("status", "COMPLETED"),
        ("status", "sent"),
        ("tags", "campaign"),
        ("tags", "campaign:spring-sale"),
        ("tags", "two words:x;"),
        ("pageSize", "0"),
        ("startDate", "soon"),
        ("pageToken", "x"),
    ],
)
def test_unknown_parameters_and_bad_values_are_refused_by_name(
    channel: str, name: str, value: str
) -> None:
    """Which the real API would ignore, so that a client's mistake is found."""
    answer = ask(model(), f"/{CHANNELS[channel].path}", **{name: value})

    assert answer.status == 400
    assert msgspec.json.decode(answer.body)["errors"][0]["context"] == f"$.{name}"


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("name", ["channel", "profile", "provider"])
def test_a_channel_has_its_own_filters(channel: str, name: str) -> None:
    """Those of other channels are refused; so is a value that does not exist."""
    path, known = f"/{CHANNELS[channel].path}", name in RESOURCE_FILTERS[channel]
    value = {"channel": "RCS", "profile": "x", "provider": "FCM"}[name]

    answer = ask(model(operations_per_week=0), path, **{name: value})
    assert answer.status == (200 if known else 400)
    if name != "profile":
        assert ask(model(), path, **{name: "FAX"}).status == 400


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_filters_leave_out_what_does_not_match(order: Any) -> None:
    """Tags, sub-channel, profile and provider, alone and with a status."""
    sandbox = model(order=order, operations_per_week=4, seed=3)
    mine = {channel: rows(sandbox, channel, pageSize="1000") for channel in CHANNELS}
    messages = mine["messages"]
    profile = messages[0]["to"][0]["profileId"]
    tagged = next(row for row in messages if row["tags"])["tags"]
    text = "".join(f"{name}:{value};" for name, value in tagged.items())

    def listed(of: str, /, **filters: str) -> list[Row]:
        return rows(sandbox, of, pageSize="1000", **filters)

    assert listed("messages", tags=text) == [
        row for row in messages if tagged.items() <= row["tags"].items()
    ]
    for each in ("SMS", "RCS", "WHATSAPP"):
        assert listed("messages", channel=each, status="DELIVERED") == [
            row
            for row in messages
            if (row["from"]["channel"], row["status"]) == (each, "DELIVERED")
        ]
    assert listed("messages", profile=profile) == [
        row for row in messages if profile in {to["profileId"] for to in row["to"]}
    ]
    assert listed("push_notifications", provider="APN") == [
        row for row in mine["push_notifications"] if row["to"][0]["provider"] == "APN"
    ]


@pytest.mark.parametrize("tokens", ["strict", "loose"])
def test_a_token_is_valid_for_its_own_list_only(tokens: Any) -> None:
    """Not for the operations of the channel, nor for resources of another channel."""
    sandbox = model(tokens=tokens)
    token = content(ask(sandbox, "/Messages", pageSize="1"))["pagination"]["next"]
    other = content(ask(sandbox, "/Messages/Operations", pageSize="1"))["pagination"]["next"]

    assert ask(sandbox, "/Messages", pageSize="1", pageToken=token).status == 200
    for path, wrong in (
        ("/Messages/Operations", token),
        ("/Emails", token),
        ("/Messages", other),
    ):
        answer = ask(sandbox, path, pageSize="1", pageToken=wrong)
        assert answer.status == 400
        assert msgspec.json.decode(answer.body)["errors"][0]["context"] == "$.pageToken"


def test_a_strict_token_is_valid_for_its_own_operation_only() -> None:
    """A loose one contains its operation."""
    strict, loose = model(tokens="strict"), model(tokens="loose")
    one, other = [row["id"] for row in strict.truth("emails") if row["stats"]["sent"] > 3][:2]
    filters = {"operationId": one, "pageSize": "1"}
    token = content(ask(strict, "/Emails", **filters))["pagination"]["next"]

    assert ask(strict, "/Emails", pageToken=token, **filters).status == 200
    assert ask(strict, "/Emails", pageToken=token, pageSize="1").status == 400
    assert ask(strict, "/Emails", pageToken=token, pageSize="1", operationId=other).status == 400
    alone = ask(loose, "/Emails", pageToken=token)
    assert content(alone) == content(ask(loose, "/Emails", pageToken=token, **filters))


def test_the_log_names_each_endpoint_and_no_token() -> None:
    """So that tests can count requests."""
    sandbox = model()
    operation = next(row["id"] for row in sandbox.truth("emails") if row["stats"]["sent"] > 3)
    page = content(ask(sandbox, "/Emails", operationId=operation, pageSize="1"))
    token = page["pagination"]["next"]
    ask(sandbox, "/Emails", operationId=operation, pageSize="1", pageToken=token)
    ask(sandbox, f"/Emails/{page['emails'][0]['id']}")
    ask(sandbox, "/Emails/x")
    ask(sandbox, f"/Emails/Operations/{operation}/Errors")
    ask(sandbox, f"/Emails/Operations/{operation}")

    assert [(each.channel, each.endpoint, each.status) for each in sandbox.requests] == [
        ("emails", "resources", 200),
        ("emails", "resources", 200),
        ("emails", "resource", 200),
        ("emails", "resource", 404),
        ("emails", "errors", 200),
        ("emails", "fetch", 200),
    ]
    assert sandbox.requests[0].parameters["operationId"] == operation
    assert token not in repr(list(sandbox.requests))


def test_credentials_and_permissions_are_checked() -> None:
    """As for operations: 401 and 403."""
    sandbox = model(forbidden={ACCOUNT_ID: frozenset({"emails"})})

    assert ask(sandbox, "/Emails").status == ask(sandbox, "/Emails/x").status == 403
    assert ask(sandbox, "/Messages").status == 200


def test_a_rendered_sandbox_does_not_change_its_resources() -> None:
    """They stay as they were at the start; they are no longer shown past retention."""
    sandbox = model(rendered=True)
    operation = next(row for row in sandbox.truth("emails")[::-1] if 0 < row["stats"]["sent"] < 500)
    before = rows(sandbox, "emails", operationId=operation["id"])
    sandbox.clock.advance(timedelta(days=2))

    assert rows(sandbox, "emails", operationId=operation["id"]) == before
    assert fetched(sandbox, "emails", before[0]["id"]) == before[0]
    sandbox.clock.advance(WEEK)
    assert rows(sandbox, "emails", operationId=operation["id"]) == []
