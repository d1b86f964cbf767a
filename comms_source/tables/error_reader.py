"""Why sends failed: the attempts of a message, and the errors of an operation. Pure.

`attempts[].error` is documented for messages. The list of an operation's errors has no documented
schema: any array is taken, and of each error its code, its message and what holds no personal data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from comms_source.errors import EnvelopeMissing
from comms_source.tables.page import next_token
from comms_source.tables.personal_data import PersonalData
from comms_source.tables.resource_reader import Address
from comms_source.tables.row_reader import instant_or_none, whole_number

DOCUMENTATION: Final = "https://www.twilio.com"
"""What an address of the API's own pages is relative to."""

_MOST_OCCURRENCES: Final = 2**31
"""Far more than an operation has resources; sums of it fit a BIGINT."""

Row = Mapping[str, Any]


class Error(msgspec.Struct, rename="camel", frozen=True):
    """Why an attempt failed."""

    code: int | str | None = None
    message: str | None = None
    info_url: str | None = None


class Attempt(msgspec.Struct, rename="camel", frozen=True):
    """One attempt to send a message."""

    status: str | None = None
    sender: Address | None = msgspec.field(name="from", default=None)
    attempted_at: str | None = None
    error: Error | None = None


class Message(msgspec.Struct, frozen=True):
    """A message with its attempts; its content is not decoded."""

    id: str
    attempts: list[Attempt] = []


@dataclass(frozen=True, slots=True)
class ErrorsPage:
    """One page of the errors of an operation."""

    errors: list[Any]
    next_token: str | None = field(repr=False)


def decode_message(body: bytes) -> Message:
    """A message.

    Raises:
        msgspec.DecodeError: if the body is no complete JSON.
        EnvelopeMissing: if it is no message.
    """
    try:
        return _MESSAGE.decode(body)
    except msgspec.ValidationError as error:
        raise EnvelopeMissing(
            f"expected a message with attempts, got something else: {error}"
        ) from None


def decode_errors(body: bytes) -> ErrorsPage:
    """The first array of a response as a list of errors.

    Raises:
        msgspec.DecodeError: if the body is no complete JSON.
        EnvelopeMissing: if it holds no array.
    """
    answer = msgspec.json.decode(body)
    if isinstance(answer, list):
        return ErrorsPage(answer, None)
    lists = (
        [each for each in answer.values() if isinstance(each, list)]
        if isinstance(answer, dict)
        else []
    )
    if not lists:
        raise EnvelopeMissing("expected a list of errors, got none; the API may have changed")
    pagination = answer.get("pagination")
    return ErrorsPage(lists[0], next_token(pagination) if isinstance(pagination, dict) else None)


def attempt_rows(
    message: Message,
    *,
    account: str,
    operation_id: str,
    synced_at: datetime,
    personal: PersonalData,
) -> list[Row]:
    """The rows of `message_attempts`: one an attempt, counted from 1."""
    return [
        {
            "account": account,
            "message_id": message.id,
            "operation_id": operation_id,
            "attempt": number,
            "status": attempt.status and attempt.status.upper(),
            "sub_channel": attempt.sender and attempt.sender.channel,
            "sender": attempt.sender and attempt.sender.address,
            "sender_id": attempt.sender and attempt.sender.sender_id,
            "error_code": attempt.error and whole_number(attempt.error.code),
            "error_message": attempt.error and personal.text(attempt.error.message),
            "error_url": attempt.error and _address(personal.text(attempt.error.info_url)),
            "attempted_at": instant_or_none(attempt.attempted_at),
            "synced_at": synced_at,
        }
        for number, attempt in enumerate(message.attempts, 1)
    ]


def error_rows(
    errors: Iterable[Any],
    *,
    account: str,
    channel: str,
    operation_id: str,
    synced_at: datetime,
    personal: PersonalData,
) -> list[Row]:
    """The rows of `operation_errors`: one an error code, or one an error that has no code."""
    rows: dict[str, dict[str, Any]] = {}
    for error in errors:
        if not isinstance(error, Mapping):
            continue
        raw = msgspec.json.encode(personal.error(error), order="sorted").decode()
        code = whole_number(error.get("code"))
        key = hashlib.sha256(raw.encode()).hexdigest() if code is None else str(code)
        message, url = error.get("message"), error.get("infoUrl")
        row = rows.setdefault(
            key,
            {
                "account": account,
                "channel": channel,
                "operation_id": operation_id,
                "error_key": key,
                "error_code": code,
                "error_message": personal.text(message) if isinstance(message, str) else None,
                "error_url": _address(personal.text(url)) if isinstance(url, str) else None,
                "occurrences": 0,
                "raw": raw,
                "synced_at": synced_at,
            },
        )
        row["occurrences"] += _occurrences(error.get("count"))
    return [*rows.values()]


def _occurrences(count: Any) -> int:
    """How often an error occurred; once where its count is missing or cannot be right."""
    number = whole_number(count)
    return number if number and 0 < number <= _MOST_OCCURRENCES else 1


def _address(url: str | None) -> str | None:
    """The address of the page about an error; in some responses it is relative."""
    return f"{DOCUMENTATION}{url}" if url and url.startswith("/") else url


_MESSAGE: Final = msgspec.json.Decoder(Message)
