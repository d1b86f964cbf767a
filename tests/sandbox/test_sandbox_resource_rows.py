"""The fields of resources: as documented, consistent, and made up so that leaks are found."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comms_source.channels import CHANNELS
from comms_source.sandbox import PRIVATE_DATA, SandboxModel
from comms_source.sandbox.lifecycles import plan_lifecycle
from comms_source.sandbox.people import PEOPLE, recipient
from comms_source.sandbox.resource_rows import PREFIXES
from comms_source.sandbox.senders import subchannel_of
from comms_source.sandbox.tags import has_segments, tags_of
from tests.sandbox.resource_requests import KEYS, Row, ask, content, fetched, model, rows, small

COMMON = {
    *("id", "from", "to", "status", "related", "tags"),
    *("scheduledFor", "createdAt", "updatedAt", "deletedAt"),
}
FIELDS = {
    "messages": COMMON,
    "emails": COMMON | {"content"},
    "push_notifications": COMMON,
}
BY_ID = {
    "messages": {"attempts", "content"},
    "emails": set(),
    "push_notifications": {"content"},
}
"""What a resource has by id, beside what lists show."""

TAG = re.compile(r"[A-Za-z0-9._~-]+")


@pytest.fixture(scope="module")
def sandbox() -> SandboxModel:
    """A sandbox whose clock stands still."""
    return model()


def some_rows(sandbox: SandboxModel, channel: str) -> list[tuple[Row, Row]]:
    """The resources of small operations, each with its operation."""
    return [
        (operation, row)
        for operation in small(sandbox, channel)
        for row in sandbox.resource_truth(channel, operation["id"])
    ]


def private_texts(each: Any) -> list[str]:
    """The texts that are private in a resource: recipients and contents."""
    return [
        text
        for part in [*each["to"], each.get("content", {})]
        for name, text in part.items()
        if name in {"address", "name", "token", "profileId", "text", "html", "subject", "body"}
    ]


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_row_has_the_documented_fields(sandbox: SandboxModel, channel: str) -> None:
    """With an id of the documented form, the times of its operation, and nothing deleted."""
    form = re.compile(PREFIXES[channel] + r"[0-7][a-hjkmnpqrstv-z0-9]{25,34}")
    for operation, row in some_rows(sandbox, channel):
        assert row.keys() == FIELDS[channel]
        assert form.fullmatch(row["id"])
        assert row["createdAt"] == operation["createdAt"] <= row["updatedAt"]
        assert row["deletedAt"] is None
        assert row["scheduledFor"] is None or row["scheduledFor"] > row["createdAt"]


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_resource_by_id_is_the_row_of_the_list_with_details(
    sandbox: SandboxModel, channel: str
) -> None:
    """For every resource of every small operation."""
    for _, row in some_rows(sandbox, channel):
        found = fetched(sandbox, channel, row["id"])
        assert found is not None
        assert found.keys() - row.keys() == BY_ID[channel]
        assert {name: found[name] for name in row} == row


def test_examples_of_senders_and_recipients(sandbox: SandboxModel) -> None:
    """The forms of the documentation."""
    mine = {channel: some_rows(sandbox, channel)[0][1] for channel in CHANNELS}
    message, email, push = mine["messages"], mine["emails"], mine["push_notifications"]

    assert message["from"].keys() == {"address", "channel", "senderId", "senderPoolId"}
    assert message["to"][0].keys() == {"address", "channel", "profileId", "memoryStoreId"}
    assert email["from"].keys() == email["to"][0].keys() == {"address", "name"}
    assert email["content"].keys() == {"subject", "text", "html", "attachments"}
    assert push["to"][0].keys() == {"token", "provider"}


@pytest.mark.parametrize("channel", CHANNELS)
def test_related_names_the_operation(sandbox: SandboxModel, channel: str) -> None:
    """In the spelling of each channel's examples; settings leave it empty, or out."""
    (operation, row) = some_rows(sandbox, channel)[0]
    (related,) = row["related"]
    none, empty = model(related=False), model(email_related=False)

    assert related["id"] == operation["id"]
    assert related["name"] == ("operation" if channel == "push_notifications" else "OPERATION")
    relative = channel == "push_notifications"
    assert related["uri"].startswith(
        "/PushNotifications/Operations/" if relative else "https://comms.twilio.com/v1/"
    )
    assert "related" not in none.resource_truth(channel, operation["id"])[0]
    shown = empty.resource_truth(channel, operation["id"])[0]["related"]
    assert shown == ([] if channel == "emails" else [related])


def test_a_group_message_has_several_recipients() -> None:
    """As many as its operation counts, one message of status GROUP, sent by SMS."""
    sandbox = model(operations_per_week=600)
    groups = [
        (operation, row)
        for operation in sandbox.truth("messages")
        if operation["stats"]["recipients"] > operation["stats"]["total"]
        for row in sandbox.resource_truth("messages", operation["id"])
    ]

    assert groups
    for operation, row in groups:
        assert (row["status"], row["from"]["channel"]) == ("GROUP", "SMS")
        addresses = {to["address"] for to in row["to"]}
        assert len(addresses) == len(row["to"]) == operation["stats"]["recipients"]


@pytest.mark.parametrize("channel", CHANNELS)
def test_ids_and_recipients_are_distinct(sandbox: SandboxModel, channel: str) -> None:
    """No two resources have the same id, and no two of an operation the same recipient."""
    ids = [row["id"] for _, row in some_rows(sandbox, channel)]

    assert len(ids) == len(set(ids)) > 100
    for operation in small(sandbox, channel):
        reached = [
            json.dumps(row["to"]) for row in sandbox.resource_truth(channel, operation["id"])
        ]
        assert len(reached) == len(set(reached))


@given(st.integers(min_value=0, max_value=2**64 - 1), st.integers(min_value=0, max_value=PEOPLE))
def test_an_operation_reaches_a_person_once(key: int, first: int) -> None:
    """For every key of an operation."""
    people = [recipient(key, index) for index in range(first, first + 200)]

    assert len(set(people)) == 200
    assert all(0 <= person < PEOPLE for person in people)


def test_a_person_is_in_several_operations_and_channels() -> None:
    """So that counting people differs from counting resources."""
    large = model(operations_per_week=30)
    profiles = Counter(
        to["profileId"] for row in large.resource_truth("messages", None) for to in row["to"]
    )
    by_email = {
        int(re.sub("[^0-9]", "", to["name"]))
        for row in large.resource_truth("emails", None)
        for to in row["to"]
    }

    assert max(profiles.values()) > 1
    assert by_email & {int(each[-22:]) for each in profiles}


@pytest.mark.parametrize("channel", CHANNELS)
def test_everything_private_has_a_mark(sandbox: SandboxModel, channel: str) -> None:
    """And nothing else has: ids, senders, tags and operations may be stored anywhere."""
    for operation, row in some_rows(sandbox, channel):
        found = fetched(sandbox, channel, row["id"])
        assert found is not None
        texts = private_texts(found)
        assert texts
        assert all(PRIVATE_DATA.search(text) for text in texts)
        public = {name: row[name] for name in row.keys() - {"to", "content"}}
        assert not PRIVATE_DATA.search(json.dumps([operation, public]))


def test_the_scheduled_time_is_the_start() -> None:
    """Of operations that wait or waited; a canceled one had a time that it never reached."""
    sandbox = model(operations_per_week=300)
    seen = set()
    for operation in small(sandbox, "emails"):
        for row in sandbox.resource_truth("emails", operation["id"]):
            seen.add((row["status"], row["scheduledFor"] is not None))
            if row["status"] == "SCHEDULED":
                assert datetime.fromisoformat(row["scheduledFor"]) > sandbox.clock.now()
            if row["status"] == "CANCELED":
                assert row["scheduledFor"] > row["updatedAt"]

    assert {
        ("SCHEDULED", True),
        ("CANCELED", True),
        ("DELIVERED", True),
        ("DELIVERED", False),
    } <= seen
    assert not seen & {("SCHEDULED", False), ("CANCELED", False)}


def test_tags_are_shared_by_an_operation() -> None:
    """A fifth of the operations have none, and a tenth have one that differs by recipient."""
    keys = range(0, 10_000_000, 5000)
    tagged = [tags_of(key) for key in keys]

    assert 0.17 < sum(not tags for tags in tagged) / len(tagged) < 0.23
    assert 0.07 < sum(map(has_segments, keys)) / len(keys) < 0.13
    assert all(tags_of(key) for key in keys if has_segments(key))


@pytest.mark.parametrize("channel", CHANNELS)
def test_tags_are_of_the_documented_form(channel: str) -> None:
    """At most ten, of some characters only."""
    kinds = set()
    for _, row in some_rows(model(operations_per_week=150), channel):
        kinds.add(frozenset(row["tags"]))
        assert len(row["tags"]) <= 10
        assert all(TAG.fullmatch(text) for pair in row["tags"].items() for text in pair)

    assert kinds == {
        frozenset(),
        frozenset({"campaign", "team"}),
        frozenset({"campaign", "team", "segment"}),
    }


def test_messages_use_every_sub_channel() -> None:
    """An operation with a second attempt begins with RCS."""
    lives = [
        (plan_lifecycle(channel=CHANNELS["messages"], created=0, key=key), key)
        for key in range(2000)
    ]
    used = Counter(subchannel_of(life, key) for life, key in lives)

    assert used.keys() == {"SMS", "RCS", "WHATSAPP"}
    falling_back = [each for each in lives if each[0].fallback and each[0].kind != "group"]
    assert {subchannel_of(life, key) for life, key in falling_back} == {"RCS"}


def test_attempts_show_the_fallback() -> None:
    """As many as the operation counts; only the first of two fails, with code 61337, by RCS."""
    sandbox = model(operations_per_week=250)
    doubled = 0
    for operation in small(sandbox, "messages"):
        found = [
            fetched(sandbox, "messages", row["id"])
            for row in sandbox.resource_truth("messages", operation["id"])
        ]
        attempts = [row["attempts"] for row in found if row is not None]
        assert sum(map(len, attempts)) == operation["stats"]["attempts"]
        for row in filter(None, found):
            for attempt in row["attempts"][:-1]:
                assert attempt["status"] == "FAILED"
                assert attempt["from"]["channel"] == "RCS"
                assert attempt["error"]["code"] == 61337
                doubled += 1
            for attempt in row["attempts"][-1:]:
                is_error = row["status"] in {"FAILED", "UNDELIVERED"}
                assert attempt["status"] == ("SENT" if row["status"] == "GROUP" else row["status"])
                assert attempt["from"]["channel"] == row["from"]["channel"]
                assert ("error" in attempt) == is_error
                assert row["createdAt"] <= attempt["attemptedAt"] <= row["updatedAt"]

    assert doubled > 0


@settings(max_examples=150)
@given(
    st.sampled_from(list(CHANNELS)),
    st.sampled_from(list(PREFIXES.values())),
    st.text("0123456789abcdefghjkmnpqrstvwxyz", max_size=60) | st.text(max_size=30),
    st.sampled_from([0, 60]),
)
def test_a_forged_id_is_not_found(channel: str, prefix: str, digits: str, volume: int) -> None:
    """Nor is one of another channel, and none of them is an error."""
    forged = f"{prefix}{digits}".replace("/", "")
    answer = ask(model(operations_per_week=volume), f"/{CHANNELS[channel].path}/{forged}x")

    assert answer.status == 404


def test_an_id_is_found_in_its_own_channel_and_seed_only(sandbox: SandboxModel) -> None:
    """And not after any change."""
    others = model(seed=2)
    for channel in CHANNELS:
        each = some_rows(sandbox, channel)[0][1]["id"]
        assert fetched(sandbox, channel, each) is not None
        assert fetched(others, channel, each) is None
        for changed in (each[:-1], each + "0", each[:-1] + "z", each.upper(), each[::-1]):
            assert changed == each or fetched(sandbox, channel, changed) is None
        for other in CHANNELS.keys() - {channel}:
            assert fetched(sandbox, other, each) is None


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_resource_is_the_same_under_every_age_of_its_operation(channel: str) -> None:
    """Only status, sender, error and `updatedAt` change."""
    sandbox = model()
    operation = next(row for row in small(sandbox, channel) if row["stats"]["sent"])
    fixed = {"id", "to", "tags", "related", "createdAt", "scheduledFor"}

    def pictures() -> list[list[Any]]:
        path = f"/{CHANNELS[channel].path}"
        shown = content(ask(sandbox, path, operationId=operation["id"], pageSize="1000"))
        return [[row[name] for name in sorted(fixed)] for row in shown[KEYS[channel]]]

    sandbox.clock.set(datetime.fromisoformat(operation["createdAt"]))
    early = pictures()
    sandbox.clock.set(datetime.fromisoformat("2026-11-20T12:00:30Z"))

    late = pictures()
    assert late
    assert all(each in early for each in late)


def test_rows_are_json(sandbox: SandboxModel) -> None:
    """The truth is what a client reads."""
    for channel in CHANNELS:
        operation = small(sandbox, channel)[-1]["id"]
        truth = sandbox.resource_truth(channel, operation)
        assert msgspec.json.decode(msgspec.json.encode(truth)) == truth
        assert rows(sandbox, channel, operationId=operation)[::-1] == truth
