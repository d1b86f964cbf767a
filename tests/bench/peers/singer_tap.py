"""Read the three lists with a tap on the Meltano Singer SDK.

Follows the SDK's pages "Tap development guide", "RESTStream" and "JSON schema helpers". It writes
Singer messages, one per line, into `singer.jsonl`, as a tap does. No target is included, so no
database is loaded. The rows are the RECORD messages in that file.

    python singer_tap.py URL USER PASSWORD FOLDER
"""
# mypy: ignore-errors

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from singer_sdk import RESTStream, Stream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BasicAuthenticator
from singer_sdk.pagination import JSONPathPaginator


def operation_schema(*counters: str) -> dict[str, Any]:
    """The JSON schema of an operation with these counters."""
    return th.PropertiesList(
        th.Property("id", th.StringType, required=True),
        th.Property("status", th.StringType),
        th.Property("stats", th.ObjectType(*(th.Property(c, th.IntegerType) for c in counters))),
        th.Property("createdAt", th.DateTimeType),
        th.Property("updatedAt", th.DateTimeType),
    ).to_dict()


class OperationsStream(RESTStream):
    """The common part of the three lists."""

    records_jsonpath = "$.operations[*]"
    primary_keys = ("id",)
    replication_key = "createdAt"

    @property
    def url_base(self) -> str:
        """The base URL of the paths."""
        return self.config["url"]

    @property
    def authenticator(self) -> BasicAuthenticator:
        """Authenticate by name and password."""
        return BasicAuthenticator(
            username=self.config["username"], password=self.config["password"]
        )

    def get_new_paginator(self) -> JSONPathPaginator:
        """Take the token of the next page from the body."""
        return JSONPathPaginator("$.pagination.next")

    def get_url_params(
        self,
        context: dict[str, Any] | None,  # noqa: ARG002
        next_page_token: str | None,
    ) -> dict[str, Any]:
        """The parameters of a request for a page."""
        parameters: dict[str, Any] = {"pageSize": 1000}
        if next_page_token:
            parameters["pageToken"] = next_page_token
        return parameters


class MessagesStream(OperationsStream):
    """Operations on messages."""

    name = "messages"
    path = "/Messages/Operations"
    schema: ClassVar[dict[str, Any]] = operation_schema(
        "total",
        "recipients",
        "attempts",
        "unaddressable",
        "scheduled",
        "queued",
        "sent",
        "delivered",
        "read",
        "undelivered",
        "failed",
        "canceled",
    )


class EmailsStream(OperationsStream):
    """Operations on emails."""

    name = "emails"
    path = "/Emails/Operations"
    schema: ClassVar[dict[str, Any]] = operation_schema(
        "total",
        "recipients",
        "attempts",
        "scheduled",
        "queued",
        "sent",
        "delivered",
        "opened",
        "undelivered",
        "failed",
        "canceled",
    )


class PushNotificationsStream(OperationsStream):
    """Operations on push notifications."""

    name = "push_notifications"
    path = "/PushNotifications/Operations"
    schema: ClassVar[dict[str, Any]] = operation_schema(
        "total",
        "recipients",
        "unaddressable",
        "scheduled",
        "queued",
        "sent",
        "failed",
        "canceled",
    )


class TapOperations(Tap):
    """The tap: its settings and its streams."""

    name = "tap-operations"
    config_jsonschema = th.PropertiesList(
        th.Property("url", th.StringType, required=True),
        th.Property("username", th.StringType, required=True),
        th.Property("password", th.StringType, required=True, secret=True),
    ).to_dict()

    def discover_streams(self) -> list[Stream]:
        """One stream for each list."""
        return [MessagesStream(self), EmailsStream(self), PushNotificationsStream(self)]


def main(url: str, user: str, password: str, folder: str) -> None:
    """Write the tap's messages below `folder` and print how many records they hold."""
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    messages = home / "singer.jsonl"

    tap = TapOperations(config={"url": url, "username": user, "password": password})
    with messages.open("w", encoding="utf-8") as file, redirect_stdout(file):
        tap.sync_all()

    with messages.open(encoding="utf-8") as file:
        rows = sum(line.startswith('{"type":"RECORD"') for line in file)
    print(  # noqa: T201
        json.dumps({"rows": rows, "versions": {"singer-sdk": version("singer-sdk")}})
    )


if __name__ == "__main__":
    main(*sys.argv[1:5])
