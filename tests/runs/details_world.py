"""What the tests of details share: a small sandbox, its truth, and what the tables say of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import duckdb

from comms_source.channels import CHANNELS
from comms_source.coverage.details import KINDS
from comms_source.sandbox import Clock, Sandbox, SandboxSettings
from comms_source.timespans import parse_instant
from tests.sandbox.resource_requests import fetched
from tests.support import FILE, NOW

ALL: Final = list(KINDS)
KEY: Final = "a key of the tests"
ENDPOINTS: Final = ("resources", "resource", "errors")
"""Where the sandbox serves details."""

FAILED: Final = ("FAILED", "UNDELIVERED")
COLUMNS: Final = (
    *("id", "account", "operation_id", "status", "sub_channel", "sender", "sender_id"),
    *("sender_pool_id", "recipient", "recipients", "tags", "scheduled_for", "created_at"),
    *("updated_at", "deleted_at", "extra"),
)
Rows = list[tuple[Any, ...]]


def small(**changes: Any) -> Sandbox:
    """A sandbox with a few operations of each channel, its clock stopped.

    Of each channel at least three have failures, and one is too large for a page of 100. There are
    data sets with as many operations and ten times the resources.
    """
    return Sandbox(SandboxSettings(**{"seed": 90, "operations_per_week": 8, **changes}), Clock(NOW))


def query(sql: str) -> Rows:
    """The rows of a query of the DuckDB file."""
    with duckdb.connect(FILE, read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(sql).fetchall()


def asked(sandbox: Sandbox) -> Counter[str]:
    """How many requests for details the sandbox got, by endpoint."""
    return Counter(each.endpoint for each in sandbox.requests if each.endpoint in ENDPOINTS)


def operations_asked(sandbox: Sandbox) -> set[str]:
    """The operations whose resources were requested."""
    return {
        each.parameters["operationId"] for each in sandbox.requests if each.endpoint == "resources"
    }


def true_resources(
    sandbox: Sandbox, channel: str, *, account: str = "default"
) -> dict[str, tuple[Any, ...]]:
    """The rows that the table of a channel's resources should have, by id; addresses dropped."""
    return {
        row["id"]: _expected(row, account=account, operation_id=operation["id"])
        for operation in sandbox.truth(channel)
        for row in sandbox.resource_truth(channel, operation["id"])
    }


def stored_resources(channel: str, *, account: str = "default") -> dict[str, tuple[Any, ...]]:
    """The rows that it has; no id twice."""
    table = CHANNELS[channel].resource_table
    rows = query(f"select {', '.join(COLUMNS)} from comms.{table} where account = '{account}'")
    assert len({row[0] for row in rows}) == len(rows)
    place = COLUMNS.index("tags")
    return {
        row[0]: (*row[:place], row[place] and json.loads(row[place]), *row[place + 1 :])
        for row in rows
    }


def true_tags(sandbox: Sandbox, channel: str) -> set[tuple[Any, ...]]:
    """Operation, tag, value, and the number of resources that have them."""
    return {
        (operation["id"], tag, value, count)
        for operation in sandbox.truth(channel)
        for (tag, value), count in Counter(
            pair
            for row in sandbox.resource_truth(channel, operation["id"])
            for pair in row["tags"].items()
        ).items()
    }


def true_errors(sandbox: Sandbox, channel: str) -> set[tuple[Any, ...]]:
    """Operation, code, message, link and count of all errors that the API lists."""
    return {
        (
            operation["id"],
            error["code"],
            error["message"],
            _absolute(error["infoUrl"]),
            error["count"],
        )
        for operation in sandbox.truth(channel)
        for error in sandbox.truth_of_errors(channel, operation["id"])
    }


def stored_errors(channel: str) -> set[tuple[Any, ...]]:
    """The same of the table."""
    columns = "operation_id, error_code, error_message, error_url, occurrences"
    return {
        *query(f"select {columns} from comms.operation_errors where channel = '{channel}'"),
    }


def true_attempts(sandbox: Sandbox, ids: Iterable[str]) -> dict[tuple[str, int], tuple[Any, ...]]:
    """Status, sub-channel, sender, error and time of the attempts of some messages."""
    found = {}
    for message_id in ids:
        message = fetched(sandbox, "messages", message_id) or {}
        for number, attempt in enumerate(message["attempts"], 1):
            error = attempt.get("error", {})
            found[message_id, number] = (
                attempt["status"],
                attempt["from"]["channel"],
                attempt["from"]["address"],
                attempt["from"]["senderId"],
                error.get("code"),
                error.get("message"),
                _absolute(error.get("infoUrl")),
                parse_instant(attempt["attemptedAt"]),
            )
    return found


def stored_attempts() -> dict[tuple[str, int], tuple[Any, ...]]:
    """The same of the table."""
    columns = (
        "message_id, attempt, status, sub_channel, sender, sender_id, error_code, error_message, "
        "error_url, attempted_at"
    )
    rows = query(f"select {columns} from comms.message_attempts")
    assert len({row[:2] for row in rows}) == len(rows)
    return {(row[0], row[1]): row[2:] for row in rows}


def not_delivered(operation: Mapping[str, Any]) -> int:
    """How many resources of an operation failed or were not delivered."""
    stats: Mapping[str, int] = operation["stats"]
    return stats["failed"] + stats.get("undelivered", 0)


def outcomes() -> Counter[tuple[str, str, str]]:
    """How many operations have each channel, kind and outcome in `operation_details`."""
    return Counter(
        {
            (channel, kind, outcome): count
            for channel, kind, outcome, count in query(
                "select channel, kind, outcome, count(*) from comms.operation_details group by all"
            )
        }
    )


def _expected(row: Mapping[str, Any], *, account: str, operation_id: str) -> tuple[Any, ...]:
    sender, people = row["from"], row["to"]
    providers = [each["provider"] for each in people if "provider" in each]
    instants = [row["scheduledFor"], row["createdAt"], row["updatedAt"], row["deletedAt"]]
    return (
        row["id"],
        account,
        operation_id,
        row["status"],
        next(iter(providers), sender.get("channel")),
        sender["address"],
        sender.get("senderId"),
        sender.get("senderPoolId"),
        None,
        len(people),
        row["tags"] or None,
        *(each and parse_instant(each) for each in instants),
        None,
    )


def _absolute(url: str | None) -> str | None:
    return f"https://www.twilio.com{url}" if url and url.startswith("/") else url
