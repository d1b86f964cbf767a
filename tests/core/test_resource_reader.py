"""Lists of resources as the API documents them, and as they may come instead."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.channels import CHANNELS
from comms_source.errors import EnvelopeMissing
from comms_source.tables.detail_tables import resource_table
from comms_source.tables.personal_data import PersonalData
from comms_source.tables.resource_reader import (
    Resource,
    ResourcePage,
    decode_resources,
    resource_rows,
    tags_of,
)

SYNCED = datetime(2026, 11, 20, 12, tzinfo=UTC)
THEN = datetime(2023, 8, 24, 14, 15, 22, tzinfo=UTC)
OPERATION = "comms_operation_01h2xcejqtf2nbrexx3vqjhp41"
KEEP, DROP = PersonalData(pii="keep"), PersonalData()

MESSAGE: Final[Mapping[str, Any]] = {
    "createdAt": "2023-08-24T14:15:22Z",
    "from": {
        "address": "+12065558844",
        "channel": "SMS",
        "senderId": "comms_sender_01h9krwprkeee8fzqspvwy6nq8",
        "senderPoolId": "comms_senderpool_01h9krwprkeee8fzqspvwy6nq8",
    },
    "id": "comms_message_01h2xcejqtf2nbrexx3vqjhp41",
    "related": [
        {
            "name": "OPERATION",
            "id": OPERATION,
            "uri": f"https://comms.twilio.com/v1/Messages/Operations/{OPERATION}",
        }
    ],
    "scheduledFor": None,
    "status": "SENT",
    "tags": {},
    "to": [
        {
            "address": "+14153901002",
            "channel": "PHONE",
            "profileId": "mem_profile_01h9krwprkeee8fzqspvwy6nq7",
            "memoryStoreId": "mem_store_00000000000000000000000000",
        }
    ],
    "updatedAt": "2023-08-24T14:15:22Z",
    "deletedAt": None,
}
"""The example of the page about the list of messages."""

EMAIL: Final[Mapping[str, Any]] = {
    "createdAt": "2023-08-24T14:15:22Z",
    "deletedAt": None,
    "from": {"address": "support@example.com", "name": "Cool Support"},
    "id": "comms_email_01h9krwprkeee8fzqspvwy6nq8",
    "related": [],
    "scheduledFor": None,
    "status": "DELIVERED",
    "tags": {},
    "to": [{"address": "janedoe@example.com", "name": "Jane Doe"}],
    "updatedAt": "2023-08-24T14:15:22Z",
    "content": {
        "subject": "An Introduction",
        "text": "Hello, World!",
        "html": "<html><body>Hello, World!</body></html>",
        "attachments": [],
    },
}
"""The example of the page about the list of emails; it shows the content too."""

PUSH: Final[Mapping[str, Any]] = {
    "id": "comms_notification_01h2xcejqtf2nbrexx3vqjhp41",
    "to": [{"token": "FCM_DEVICE_TOKEN", "provider": "FCM"}],
    "status": "SENT",
    "related": [
        {
            "name": "operation",
            "id": OPERATION,
            "uri": "/PushNotifications/Operations/01h2xcejqtf2nbrexx3vqjhp41",
        }
    ],
    "tags": {},
    "createdAt": "2023-08-24T14:15:22Z",
    "updatedAt": "2023-08-24T14:15:22Z",
    "deletedAt": None,
}
"""The example of the guide to push notifications."""


def decoded(channel: str, *rows: Any, envelope: str | None = None) -> ResourcePage:
    """A page of a list."""
    listed = {envelope or CHANNELS[channel].envelopes[0]: rows, "pagination": {"next": None}}
    return decode_resources(json.dumps(listed).encode(), channel=CHANNELS[channel])


def stored(page: ResourcePage, channel: str, personal: PersonalData = KEEP) -> list[dict[str, Any]]:
    """The rows of the table; they have its columns."""
    rows = resource_rows(
        page,
        channel=CHANNELS[channel],
        account="default",
        operation_id=OPERATION,
        synced_at=SYNCED,
        personal=personal,
    )
    assert rows.schema.equals(resource_table(CHANNELS[channel]).columns)
    rows.validate(full=True)
    return rows.to_pylist()


def row_of(channel: str, row: Any, personal: PersonalData = KEEP) -> dict[str, Any]:
    """The row of one resource."""
    (found,) = stored(decoded(channel, row), channel, personal)
    return found


COMMON: Final = {
    "account": "default",
    "operation_id": OPERATION,
    "recipients": 1,
    "receipts": None,
    "tags": None,
    "scheduled_for": None,
    "created_at": THEN,
    "updated_at": THEN,
    "deleted_at": None,
    "synced_at": SYNCED,
    "extra": None,
}


def test_the_documented_message() -> None:
    """Every field that has a column."""
    assert row_of("messages", MESSAGE) == COMMON | {
        "id": "comms_message_01h2xcejqtf2nbrexx3vqjhp41",
        "status": "SENT",
        "sub_channel": "SMS",
        "sender": "+12065558844",
        "sender_id": "comms_sender_01h9krwprkeee8fzqspvwy6nq8",
        "sender_pool_id": "comms_senderpool_01h9krwprkeee8fzqspvwy6nq8",
        "recipient": "+14153901002",
    }


def test_the_documented_emails() -> None:
    """Two items with one id; the content has no place."""
    page = decoded("emails", EMAIL, EMAIL)

    assert (page.rejected, page.new_fields) == (0, frozenset())
    assert stored(page, "emails") == 2 * [
        COMMON
        | {
            "id": "comms_email_01h9krwprkeee8fzqspvwy6nq8",
            "status": "DELIVERED",
            "sub_channel": None,
            "sender": "support@example.com",
            "sender_id": None,
            "sender_pool_id": None,
            "recipient": "janedoe@example.com",
        }
    ]


def test_the_documented_push_notification() -> None:
    """Its sender is missing; its provider is the sub-channel; its device token is not kept."""
    assert row_of("push_notifications", PUSH) == COMMON | {
        "id": "comms_notification_01h2xcejqtf2nbrexx3vqjhp41",
        "status": "SENT",
        "sub_channel": "FCM",
        "sender": None,
        "sender_id": None,
        "sender_pool_id": None,
        "recipient": None,
    }


@pytest.mark.parametrize("envelope", ["pushNotifications", "notifications", "data"])
def test_a_list_of_push_notifications_has_any_of_three_names(envelope: str) -> None:
    """The documents disagree."""
    page = decoded("push_notifications", PUSH, envelope=envelope)

    assert [resource.id for resource in page.resources] == [PUSH["id"]]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"operations": [], "pagination": {}}, "messages, got an object of operations"),
        ({"messages": {}, "pagination": {}}, "messages, got an object"),
        ({"messages": None, "pagination": {}}, "messages, got an object"),
        ({"messages": []}, "without 'pagination'"),
        ({"messages": [], "pagination": []}, "without 'pagination'"),
        ({}, "an object of nothing"),
        ([], "got something else"),
        ("messages", "got something else"),
    ],
)
def test_an_answer_without_a_list_is_refused(body: Any, said: str) -> None:
    """The error says what was expected, and does not show the body."""
    with pytest.raises(EnvelopeMissing, match=said):
        decode_resources(json.dumps(body).encode(), channel=CHANNELS["messages"])


@pytest.mark.parametrize("body", [b"", b'{"messages": [', b"<html>"])
def test_what_is_no_json_is_not_decoded(body: bytes) -> None:
    """As where the connection was cut."""
    with pytest.raises(msgspec.DecodeError):
        decode_resources(body, channel=CHANNELS["messages"])


def test_the_token_of_the_next_page_is_read_and_not_shown() -> None:
    """It is opaque text."""
    body = {"emails": [EMAIL], "pagination": {"next": "T_vQhc7rUCSW-m0G2", "self": "x"}}
    page = decode_resources(json.dumps(body).encode(), channel=CHANNELS["emails"])

    assert page.next_token == "T_vQhc7rUCSW-m0G2"
    assert "T_vQhc7rUCSW" not in repr(page)


@pytest.mark.parametrize("channel", ["messages", "push_notifications"])
def test_a_recipient_may_be_an_object_or_a_list(channel: str) -> None:
    """The reference of push notifications has an object, the guide a list."""
    row = {"messages": MESSAGE, "push_notifications": PUSH}[channel]

    assert row_of(channel, {**row, "to": row["to"][0]}) == row_of(channel, row)


def test_a_push_notification_may_be_sent_to_a_user() -> None:
    """That is a person; so it is a recipient like an address."""
    user = "comms_pushnotificationuser_01h2xcejqtf2nbrexx3vqjhp41"
    row = {**PUSH, "to": {"user": user}}

    assert row_of("push_notifications", row)["recipient"] == user
    assert row_of("push_notifications", row, DROP)["recipient"] is None


@pytest.mark.parametrize("missing", [{"to": None}, {"to": []}])
def test_a_resource_may_have_no_recipient(missing: dict[str, Any]) -> None:
    """It has none, and is counted so."""
    row = row_of("messages", {**MESSAGE, **missing})

    assert (row["recipient"], row["recipients"]) == (None, 0)


def test_a_group_message_has_several_recipients() -> None:
    """Their number is kept, none of their addresses."""
    people = [{"address": f"+1415390100{digit}", "channel": "PHONE"} for digit in range(3)]
    row = row_of("messages", {**MESSAGE, "status": "GROUP", "to": people})

    assert (row["status"], row["recipient"], row["recipients"]) == ("GROUP", None, 3)


@pytest.mark.parametrize("status", ["INBOUND", "Inbound"])
@pytest.mark.parametrize("channel", ["messages", "emails"])
def test_the_sender_of_an_inbound_resource_is_a_person(channel: str, status: str) -> None:
    """Its address is treated like that of a recipient."""
    row = {**({"messages": MESSAGE, "emails": EMAIL}[channel]), "status": status}
    hashing = PersonalData(pii="hash", key="k")

    assert row_of(channel, row, DROP)["sender"] is None
    assert row_of(channel, row, hashing)["sender"] == hashing.address(row["from"]["address"])
    assert row_of(channel, row)["sender"] == row["from"]["address"]


@pytest.mark.parametrize("status", ["SENT", "PAUSED", None])
def test_the_sender_of_another_resource_is_no_person(status: str | None) -> None:
    """It is kept as it came, of a status that nobody knows too."""
    row = row_of("messages", {**MESSAGE, "status": status}, DROP)

    assert (row["status"], row["sender"]) == (status, "+12065558844")


@pytest.mark.parametrize(
    ("related", "operations"),
    [
        (MESSAGE["related"], [OPERATION]),
        (PUSH["related"], [OPERATION]),
        ([{"name": "SESSION", "id": "s"}, {"name": "Operation", "id": "o", "uri": None}], ["o"]),
        ([{"name": "OPERATION"}, {"id": "o"}, {}], []),
        ([], []),
        (None, []),
    ],
)
def test_a_resource_says_which_operation_it_belongs_to(related: Any, operations: list[str]) -> None:
    """In upper or lower case, beside other things, or not at all."""
    (resource,) = decoded("messages", {**MESSAGE, "related": related}).resources

    assert resource.operations == operations


def test_a_resource_may_lack_related() -> None:
    """Then it does not say."""
    row = {name: value for name, value in MESSAGE.items() if name != "related"}

    assert decoded("messages", row).resources[0].operations == []


def test_every_field_but_the_id_may_be_missing() -> None:
    """Then it is NULL."""
    row = row_of("messages", {"id": "comms_message_1"})

    filled = {name for name, value in row.items() if value is not None}
    assert filled == {"id", "account", "operation_id", "recipients", "synced_at"}


@pytest.mark.parametrize("status", ["delivered", "Delivered", "PAUSED", "paused"])
def test_a_status_is_kept_in_upper_case(status: str) -> None:
    """Known or not."""
    assert row_of("messages", {**MESSAGE, "status": status})["status"] == status.upper()


def test_unknown_fields_are_named_and_their_numbers_kept() -> None:
    """Their texts may be personal, and so may a number as long as a telephone number."""
    row = {
        **MESSAGE,
        "clicked": 3,
        "price": 0.0075,
        "final": True,
        "priority": "high",
        "note": "for Jane Doe",
        "callback": 14153901002,
        "nested": {"value": 1, "name": "Jane"},
        "segments": None,
    }
    page = decoded("messages", row, MESSAGE)
    first, second = stored(page, "messages")

    assert json.loads(first["extra"]) == {
        "clicked": 3,
        "final": True,
        "price": 0.0075,
        "priority": "high",
    }
    assert second["extra"] is None
    assert page.new_fields == {
        "clicked",
        "price",
        "final",
        "note",
        "callback",
        "nested",
        "segments",
    }


@pytest.mark.parametrize(
    "bad",
    [
        {name: value for name, value in MESSAGE.items() if name != "id"},
        {**MESSAGE, "id": None},
        {**MESSAGE, "id": ""},
        {**MESSAGE, "id": 7},
        {**MESSAGE, "status": 7},
        {**MESSAGE, "to": "+14153901002"},
        {**MESSAGE, "createdAt": 1692886522},
        "+14153901002",
        ["+14153901002"],
        None,
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_a_row_that_cannot_be_read_is_counted_and_not_kept(bad: Any, place: int) -> None:
    """Nor is what it says; the others of its page are."""
    rows: list[Any] = [MESSAGE, {**MESSAGE, "id": "comms_message_2"}]
    rows.insert(place, bad)
    page = decoded("messages", *rows)

    assert page.rejected == 1
    assert [row["id"] for row in stored(page, "messages")] == [MESSAGE["id"], "comms_message_2"]
    if place:
        assert "4153901002" not in repr(stored(page, "messages", DROP))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2023-08-24T14:15:22Z", THEN),
        ("2023-08-24T14:15:22", THEN),
        ("2023-08-24 14:15:22", THEN),
        ("2023-08-24T16:15:22+02:00", THEN),
        ("2023-08-24T14:15:22.123456789Z", THEN.replace(microsecond=123456)),
        ("the day before", None),
        ("", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("field", ["createdAt", "updatedAt", "scheduledFor", "deletedAt"])
def test_a_time_is_read_with_and_without_a_zone(
    field: str, text: str | None, instant: datetime | None
) -> None:
    """Without one, UTC is meant; what is no time is NULL, and the others of its page are read."""
    page = decoded("messages", {**MESSAGE, field: text}, MESSAGE)
    columns = {"createdAt": "created_at", "updatedAt": "updated_at"}
    column = columns.get(field, {"scheduledFor": "scheduled_for"}.get(field, "deleted_at"))

    first, second = stored(page, "messages")

    assert first[column] == instant
    assert second["created_at"] == THEN


def test_content_tokens_and_profiles_are_in_no_column() -> None:
    """With `keep` neither."""
    secret = {"content": {"text": "secret"}, "attempts": [{"to": "secret"}], "replyTo": ["secret"]}
    profile = [
        {"address": "+1", "profileId": "secret", "memoryStoreId": "secret", "name": "secret"}
    ]
    rows = [
        row_of("messages", {**MESSAGE, **secret, "to": profile}),
        row_of("emails", {**EMAIL, **secret, "cc": ["secret"], "bcc": ["secret"]}),
        row_of("push_notifications", {**PUSH, "to": [{"token": "secret", "provider": "APN"}]}),
    ]

    assert "secret" not in repr(rows)


def test_tags_are_kept_as_they_came_and_counted() -> None:
    """By tag and value; the table keeps the text of the API."""
    tags = [{"campaign": "autumn", "team": "crm"}, {"campaign": "autumn", "year": 2026}, {}, None]
    page = decoded("messages", *({**MESSAGE, "tags": each} for each in tags))

    assert [row["tags"] and json.loads(row["tags"]) for row in stored(page, "messages")] == [
        tags[0],
        tags[1],
        None,
        None,
    ]
    assert tags_of(page.resources) == {
        ("campaign", "autumn"): 2,
        ("team", "crm"): 1,
        ("year", "2026"): 1,
    }


@pytest.mark.parametrize("tags", [["campaign"], "campaign", 7, {"": "x"}, {"a": None}, {"a": {}}])
def test_tags_of_another_form_are_no_tags(tags: Any) -> None:
    """They are not counted, and the row is read."""
    page = decoded("messages", {**MESSAGE, "tags": tags})

    assert page.rejected == 0
    assert not tags_of(page.resources)


def test_an_empty_list_is_an_empty_table() -> None:
    """With all its columns."""
    page = decoded("messages")

    assert (page.rejected, stored(page, "messages")) == (0, [])


texts = st.none() | st.text(max_size=8)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)
odd_rows = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=4) | anything,
        **dict.fromkeys(MESSAGE.keys() - {"id"}, texts | anything),
        "unknown": anything,
    },
)


@given(rows=st.lists(odd_rows | st.just(dict(MESSAGE)) | anything, max_size=5))
def test_every_row_is_read_or_counted(rows: list[Any]) -> None:
    """For fields of any kind; no row costs another one its place."""
    page = decoded("messages", *rows)
    kept = stored(page, "messages")

    assert len(kept) + page.rejected == len(rows)
    assert [row["id"] for row in kept] == [resource.id for resource in page.resources]
    assert sum(row["id"] == MESSAGE["id"] for row in kept) >= rows.count(dict(MESSAGE))
    assert all(isinstance(resource, Resource) for resource in page.resources)
