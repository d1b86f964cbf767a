"""Why sends failed: the attempts of a message, errors of an operation, receipts. Pure.

`attempts[].error` is documented for messages. The lists of an operation's errors and of a message's
receipts have no documented schema: any array is taken, of each error its code, its message and what
holds no personal data, and of each receipt its status.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
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
class Listed:
    """One page of a list that is not documented: errors of an operation, or receipts."""

    rows: list[Any]
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


def decode_listed(body: bytes) -> Listed:
    """The first array of a response.

    Raises:
        msgspec.DecodeError: if the body is no complete JSON.
        EnvelopeMissing: if it holds no array.
    """
    answer = msgspec.json.decode(body)
    if isinstance(answer, list):
        return Listed(answer, None)
    lists = (
        [each for each in answer.values() if isinstance(each, list)]
        if isinstance(answer, dict)
        else []
    )
    if not lists:
        raise EnvelopeMissing("expected a list, got none; the API may have changed")
    pagination = answer.get("pagination")
    return Listed(lists[0], next_token(pagination) if isinstance(pagination, dict) else None)


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


def receipts_as_json(receipts: Iterable[Any]) -> str | None:
    """How many recipients have each status, as JSON; None where no receipt names one."""
    statuses = Counter(
        receipt["status"].upper()
        for receipt in receipts
        if isinstance(receipt, Mapping) and isinstance(receipt.get("status"), str)
    )
    kept = {status: count for status, count in statuses.items() if _STATUS.fullmatch(status)}
    return msgspec.json.encode(kept, order="sorted").decode() if kept else None


def _address(url: str | None) -> str | None:
    """The address of the page about an error; in some responses it is relative."""
    return f"{DOCUMENTATION}{url}" if url and url.startswith("/") else url


_STATUS: Final = re.compile("[A-Z_]{1,30}")
"""A word, and no text in which somebody may be named."""
_MESSAGE: Final = msgspec.json.Decoder(Message)
