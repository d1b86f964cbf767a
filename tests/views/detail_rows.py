"""Rows of the tables of details, written by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.views.view_tables import NOON, NOW, Record
from tests.views.view_worlds import HOUR


def read(kind: str, *, operation: str = "op", channel: str = "messages", **more: Any) -> Record:
    """A kind of details of an operation that was read now; `more` are other columns."""
    row = {
        "account": "acme",
        "channel": channel,
        "operation_id": operation,
        "kind": kind,
        "created_at": NOON,
        "outcome": "read",
        "read_at": NOW,
    }
    return row | more


def resources(
    *statuses: str, operation: str = "op", channel: str = "messages", first: int = 0, **more: Any
) -> list[Record]:
    """One resource with each status; their ids are the operation's, with a number from `first`."""
    return [
        {
            "channel": channel,
            "id": f"{operation}-{number}",
            "account": "acme",
            "operation_id": operation,
            "status": status,
            "synced_at": NOW,
        }
        | more
        for number, status in enumerate(statuses, first)
    ]


def tag(
    name: str,
    value: str,
    *,
    operation: str = "op",
    channel: str = "messages",
    of: int | None = None,
) -> Record:
    """A tag of an operation that `of` resources carry; None if only the first was looked at."""
    return {
        "account": "acme",
        "channel": channel,
        "operation_id": operation,
        "tag": name,
        "value": value,
        "resources": of,
        "synced_at": NOW,
    }


def attempts(
    *codes: int | None,
    message: str = "op-0",
    operation: str = "op",
    status: str = "UNDELIVERED",
    first_at: datetime = NOON,
    **more: Any,
) -> list[Record]:
    """Attempts at one message, each with its error code; None is an attempt that did not fail.

    The status is that of those that failed. They are an hour apart.
    """
    return [
        {
            "account": "acme",
            "message_id": message,
            "operation_id": operation,
            "attempt": number,
            "status": "DELIVERED" if code is None else status,
            "error_code": code,
            "attempted_at": first_at + (number - 1) * HOUR,
            "synced_at": NOW,
        }
        | more
        for number, code in enumerate(codes, 1)
    ]


def error(
    code: int | None,
    occurrences: int,
    *,
    operation: str = "op",
    channel: str = "emails",
    **more: Any,
) -> Record:
    """An error in the API's list of the errors of an operation."""
    row = {
        "account": "acme",
        "channel": channel,
        "operation_id": operation,
        "error_key": str(code),
        "error_code": code,
        "occurrences": occurrences,
        "raw": "{}",
        "synced_at": NOW,
    }
    return row | more
