"""The tables of details: the resources behind the counters of operations, and what was asked. Pure.

They exist in the dataset once details were asked for. None of them has a column for the content of
a message or for a device token.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import pyarrow as pa

from comms_source.channels import CHANNELS, Channel
from comms_source.tables.specs import TEXT, TIMESTAMP, TableSpec, required

DETAILS_OUTCOMES: Final = ("read", "empty", "expired")
"""The outcomes in the table `operation_details`."""


@cache
def resource_table(channel: Channel) -> TableSpec:
    """The table of a channel's resources; its columns are the same in each channel."""
    noun = channel.name.replace("_", " ")
    return TableSpec(
        name=channel.resource_table,
        description=f"{noun} behind the operations, one row each, as the API last sent them",
        key=("id",),
        columns=pa.schema(
            [
                required("id", TEXT),
                required("account", TEXT),
                required("operation_id", TEXT),
                pa.field("status", TEXT),
                pa.field("sub_channel", TEXT),
                pa.field("sender", TEXT),
                pa.field("sender_id", TEXT),
                pa.field("sender_pool_id", TEXT),
                pa.field("recipient", TEXT),
                pa.field("recipients", pa.int64()),
                pa.field("receipts", TEXT),
                pa.field("tags", TEXT),
                pa.field("scheduled_for", TIMESTAMP),
                pa.field("created_at", TIMESTAMP),
                pa.field("updated_at", TIMESTAMP),
                pa.field("deleted_at", TIMESTAMP),
                required("synced_at", TIMESTAMP),
                pa.field("extra", TEXT),
            ]
        ),
    )


TAGS: Final = TableSpec(
    name="operation_tags",
    description="the tags of the resources of each operation, one row a tag and value",
    key=("account", "channel", "operation_id", "tag", "value"),
    columns=pa.schema(
        [
            required("account", TEXT),
            required("channel", TEXT),
            required("operation_id", TEXT),
            required("tag", TEXT),
            required("value", TEXT),
            pa.field("resources", pa.int64()),
            required("synced_at", TIMESTAMP),
        ]
    ),
)

ATTEMPTS: Final = TableSpec(
    name="message_attempts",
    description="the attempts of failed and undelivered messages, with their error codes",
    key=("message_id", "attempt"),
    columns=pa.schema(
        [
            required("account", TEXT),
            required("message_id", TEXT),
            required("operation_id", TEXT),
            required("attempt", pa.int64()),
            pa.field("status", TEXT),
            pa.field("sub_channel", TEXT),
            pa.field("sender", TEXT),
            pa.field("sender_id", TEXT),
            pa.field("error_code", pa.int64()),
            pa.field("error_message", TEXT),
            pa.field("error_url", TEXT),
            pa.field("attempted_at", TIMESTAMP),
            required("synced_at", TIMESTAMP),
        ]
    ),
)

ERRORS: Final = TableSpec(
    name="operation_errors",
    description="what the API's list of an operation's errors says, one row an error code",
    key=("account", "channel", "operation_id", "error_key"),
    columns=pa.schema(
        [
            required("account", TEXT),
            required("channel", TEXT),
            required("operation_id", TEXT),
            required("error_key", TEXT),
            pa.field("error_code", pa.int64()),
            pa.field("error_message", TEXT),
            pa.field("error_url", TEXT),
            required("occurrences", pa.int64()),
            required("raw", TEXT),
            required("synced_at", TIMESTAMP),
        ]
    ),
)
"""`error_key` is the code, or a digest of `raw` where there is no code."""

DETAILS: Final = TableSpec(
    name="operation_details",
    description="which details of each operation were read, when, and in which state",
    key=("account", "channel", "operation_id", "kind"),
    columns=pa.schema(
        [
            required("account", TEXT),
            required("channel", TEXT),
            required("operation_id", TEXT),
            required("kind", TEXT),
            required("created_at", TIMESTAMP),
            required("outcome", TEXT),
            pa.field("read_at", TIMESTAMP),
            pa.field("read_version", pa.int64()),
            pa.field("resources", pa.int64()),
            pa.field("rejected", pa.int64()),
            pa.field("not_asked", pa.int64()),
            pa.field("sub_channel", TEXT),
            pa.field("sender", TEXT),
            pa.field("sender_id", TEXT),
            pa.field("sender_pool_id", TEXT),
        ]
    ),
)
"""`outcome` is `read`, `empty` where the API listed no resource yet, or `expired` where retention
ended before they were read. What was sent from where is in the row of the kind `tags`."""

DETAIL_TABLES: Final = (
    *(resource_table(channel) for channel in CHANNELS.values()),
    TAGS,
    ATTEMPTS,
    ERRORS,
    DETAILS,
)
"""All of them, in the order in which people read them; `DETAILS` is the last."""
