"""Why sends failed: attempts as the API documents them, and errors in any form."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.errors import EnvelopeMissing
from comms_source.tables.detail_tables import ATTEMPTS, ERRORS
from comms_source.tables.error_reader import (
    Row,
    attempt_rows,
    decode_listed,
    decode_message,
    error_rows,
    receipts_as_json,
)
from comms_source.tables.personal_data import HIDDEN, PersonalData

SYNCED = datetime(2026, 11, 20, 12, tzinfo=UTC)
THEN = datetime(2023, 8, 24, 14, 15, 22, tzinfo=UTC)
DROP = PersonalData()
SENDER = "comms_sender_01h9krwprkeee8fzqspvwy6nq8"
LOG = "https://console.twilio.com/us1/monitor/logs/sms/AC77ec7f777777f7a77ce7777aeef7777f/SMbffad"

FAILED = {
    "from": {"address": "bowlingteam_212_sender", "channel": "RCS", "senderId": SENDER},
    "to": [{"address": "+14153901002", "channel": "PHONE"}],
    "status": "FAILED",
    "attemptedAt": "2023-08-24T14:15:22Z",
    "infoUrl": LOG,
    "error": {
        "code": 61337,
        "message": "Recipient does not have RCS enabled.",
        "infoUrl": "https://twilio.com/docs/api/errors/61337",
    },
}
DELIVERED = {
    "from": {"address": "+12065558844", "channel": "SMS", "senderId": SENDER},
    "to": [{"address": "+14153901002", "channel": "PHONE"}],
    "status": "DELIVERED",
    "attemptedAt": "2023-08-24T14:15:22Z",
    "infoUrl": LOG,
}
"""Both are from the example of the page about one message."""

COMMON = {
    "account": "default",
    "message_id": "comms_message_1",
    "operation_id": "comms_operation_1",
    "sender_id": SENDER,
    "attempted_at": THEN,
    "synced_at": SYNCED,
}


def attempts_of(*attempts: Any, personal: PersonalData = DROP) -> list[Row]:
    """The rows of a message with these attempts, as the table takes them."""
    message = {"id": "comms_message_1", "attempts": attempts, "content": {"text": "Hello, World!"}}
    rows = attempt_rows(
        decode_message(json.dumps(message).encode()),
        account="default",
        operation_id="comms_operation_1",
        synced_at=SYNCED,
        personal=personal,
    )
    assert ATTEMPTS.rows(rows).num_rows == len(rows)
    return rows


def errors_of(*errors: Any, personal: PersonalData = DROP) -> list[Row]:
    """The rows of an operation with these errors, as the table takes them."""
    rows = error_rows(
        errors,
        account="default",
        channel="emails",
        operation_id="comms_operation_1",
        synced_at=SYNCED,
        personal=personal,
    )
    table = ERRORS.rows(rows)
    keys = table.select(ERRORS.key).to_pylist()
    assert len(keys) == len({tuple(key.values()) for key in keys})
    return rows


def test_the_documented_attempts() -> None:
    """One failed with an error, one was delivered without; they count from 1."""
    assert attempts_of(FAILED, DELIVERED) == [
        COMMON
        | {
            "attempt": 1,
            "status": "FAILED",
            "sub_channel": "RCS",
            "sender": "bowlingteam_212_sender",
            "error_code": 61337,
            "error_message": "Recipient does not have RCS enabled.",
            "error_url": "https://twilio.com/docs/api/errors/61337",
        },
        COMMON
        | {
            "attempt": 2,
            "status": "DELIVERED",
            "sub_channel": "SMS",
            "sender": "+12065558844",
            "error_code": None,
            "error_message": None,
            "error_url": None,
        },
    ]


@pytest.mark.parametrize("pii", ["drop", "keep"])
def test_an_attempt_keeps_neither_recipient_nor_log(pii: Any) -> None:
    """The link to the log holds the account's id; the content is the message's."""
    shown = repr(attempts_of(FAILED, DELIVERED, personal=PersonalData(pii=pii)))

    assert "4153901002" not in shown
    assert "AC77ec7f" not in shown
    assert "Hello" not in shown


def test_a_message_may_have_no_attempts() -> None:
    """While it is queued."""
    assert attempts_of() == []
    assert decode_message(b'{"id": "comms_message_1"}').attempts == []


def test_an_attempt_may_lack_every_field() -> None:
    """It counts all the same."""
    (row,) = attempts_of({})

    filled = {name for name, value in row.items() if value is not None}
    assert filled == {"account", "message_id", "operation_id", "attempt", "synced_at"}


@pytest.mark.parametrize(
    ("code", "kept"), [(61337, 61337), ("61337", 61337), ("E-61337", None), (None, None)]
)
def test_a_code_may_be_a_number_or_text(code: Any, kept: int | None) -> None:
    """Text that is no number is NULL."""
    (row,) = attempts_of({"error": {"code": code}})

    assert row["error_code"] == kept


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("/docs/api/errors/61337", "https://www.twilio.com/docs/api/errors/61337"),
        ("https://twilio.com/docs/api/errors/61337", "https://twilio.com/docs/api/errors/61337"),
        ("https://x.example/?to=+14153901002", f"https://x.example/?to={HIDDEN}"),
        ("", ""),
        (None, None),
    ],
)
def test_a_link_may_be_relative(url: str | None, kept: str | None) -> None:
    """To the pages of the API's documentation; an address in it is hidden."""
    (attempt,) = attempts_of({"error": {"infoUrl": url}})
    (error,) = errors_of({"code": 1, "infoUrl": url})

    assert (attempt["error_url"], error["error_url"]) == (kept, kept)


def test_addresses_in_a_message_are_hidden() -> None:
    """In attempts as in errors, and in what is kept of the error as it came."""
    said = "+14153901002 (jane@example.com) is not reachable"
    (attempt,) = attempts_of({"error": {"message": said}})
    (error,) = errors_of({"code": 30003, "message": said})

    hidden = f"{HIDDEN} ({HIDDEN}) is not reachable"
    assert attempt["error_message"] == error["error_message"] == hidden
    assert json.loads(error["raw"]) == {"code": 30003, "message": hidden}


@pytest.mark.parametrize(
    "body", [b"[]", b'"text"', b"{}", b'{"id": null}', b'{"id": "x", "attempts": {}}']
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    """By a named error."""
    with pytest.raises(EnvelopeMissing, match="expected a message with attempts"):
        decode_message(body)


@pytest.mark.parametrize("decode", [decode_message, decode_listed])
def test_what_is_no_json_is_not_decoded(decode: Any) -> None:
    """As where the connection was cut."""
    with pytest.raises(msgspec.DecodeError):
        decode(b'{"id": "comms_mess')


ONE = {"code": 30003, "message": "Unreachable destination handset"}


@pytest.mark.parametrize(
    "body",
    [
        {"errors": [ONE], "pagination": {"next": None}},
        {"operationErrors": [ONE]},
        {"data": [ONE], "pagination": None},
        {"operationId": "comms_operation_1", "items": [ONE], "total": 1},
        [ONE],
    ],
)
def test_errors_are_read_below_any_name(body: Any) -> None:
    """The name of the list is not documented."""
    page = decode_listed(json.dumps(body).encode())

    assert (page.rows, page.next_token) == ([ONE], None)


def test_the_token_of_the_next_page_of_errors_is_read_and_not_shown() -> None:
    """It is where other lists have it."""
    page = decode_listed(b'{"errors": [], "pagination": {"next": "T_vQhc7rUCSW"}}')

    assert page.next_token == "T_vQhc7rUCSW"
    assert "T_vQhc7rUCSW" not in repr(page)


@pytest.mark.parametrize("body", [b"{}", b"null", b"7", b'{"errors": {}, "count": 0}'])
def test_an_answer_without_a_list_is_refused(body: bytes) -> None:
    """It is not taken for no errors."""
    with pytest.raises(EnvelopeMissing, match="expected a list"):
        decode_listed(body)


def test_errors_with_one_code_are_one_row() -> None:
    """Their counts are summed; one without a count occurred once."""
    rows = errors_of(
        ONE | {"count": 3}, {"code": 30005, "count": 2}, ONE | {"count": 4}, {"code": "30003"}
    )

    assert {row["error_code"]: row["occurrences"] for row in rows} == {30003: 8, 30005: 2}
    assert rows[0]["error_message"] == ONE["message"]
    assert rows[0]["error_key"] == "30003"


def test_errors_without_a_code_are_rows_by_what_they_say() -> None:
    """Two that say the same are one; the key is a digest, the same each time."""
    said = [{"message": "A"}, {"message": "B"}, {"message": "A"}]
    rows = errors_of(*said)

    assert [(row["error_message"], row["occurrences"]) for row in rows] == [("A", 2), ("B", 1)]
    assert [row["error_key"] for row in rows] == [row["error_key"] for row in errors_of(*said)]
    assert {len(row["error_key"]) for row in rows} == {64}


@pytest.mark.parametrize("error", ["text", 30003, None, ["text"]])
def test_what_is_no_object_is_no_error(error: Any) -> None:
    """It has neither code nor message."""
    assert errors_of(error, ONE)[0]["error_code"] == 30003
    assert len(errors_of(error, ONE)) == 1


@pytest.mark.parametrize(
    "error", [{}, {"code": None, "message": None}, {"code": {}, "message": [], "infoUrl": 7}]
)
def test_an_error_may_lack_every_field(error: dict[str, Any]) -> None:
    """It occurred all the same."""
    (row,) = errors_of(error)

    assert (row["error_code"], row["error_message"], row["error_url"]) == (None, None, None)
    assert row["occurrences"] == 1


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
errors = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(["code", "message", "infoUrl", "count", "detail"], anything)
)


@given(listed=st.lists(errors | anything, max_size=6))
def test_every_error_is_in_one_row(listed: list[Any]) -> None:
    """The table takes the rows for fields of any kind, and no row counts none."""
    rows = errors_of(*listed)

    assert len(rows) <= sum(isinstance(error, dict) for error in listed)
    assert bool(rows) == any(isinstance(error, dict) for error in listed)
    assert all(row["occurrences"] >= 1 for row in rows)


@pytest.mark.parametrize(
    ("receipts", "counted"),
    [
        (
            [{"status": "delivered"}, {"status": "READ"}, {"status": "READ"}],
            {"DELIVERED": 1, "READ": 2},
        ),
        ([{"status": "FAILED", "to": {"address": "+14155550100"}}], {"FAILED": 1}),
        ([{"status": "sent to +14155550100"}, {"status": 7}, {}, None, "SENT"], None),
        ([], None),
    ],
)
def test_receipts_are_counted_by_status_and_nothing_else_is_kept(
    receipts: list[Any], counted: dict[str, int] | None
) -> None:
    """A status is a word; what else stands there may name somebody."""
    kept = receipts_as_json(receipts)

    assert (kept and msgspec.json.decode(kept)) == counted
