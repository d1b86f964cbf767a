"""The channels of the Communications API: their paths and counters.

All other code is written for any channel, so a fourth channel is one more entry in `CHANNELS`. The
facts are those of the API reference (the Operations resource of Messages, Emails and
PushNotifications, version 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Mapping

STATUSES: Final = ("SCHEDULED", "PROCESSING", "COMPLETED", "CANCELED")
"""The documented statuses of an operation; other statuses are stored unchanged."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of the API: where its operations are listed, and their counters."""

    name: str
    """The channel's name in this project's tables, options and messages."""
    path: str
    """The first path segment below the API's version, in the API's own spelling."""
    table: str
    """The table, and the dlt resource, that holds the channel's operations."""
    counters: tuple[str, ...]
    """The documented keys of `stats`, which are also the column names."""
    envelopes: tuple[str, ...]
    """What a list of resources may be called in a response; the documents disagree."""

    @property
    def history_table(self) -> str:
        """The table that holds each observed state of the channel's operations."""
        return f"{self.table.removesuffix('s')}_history"

    @property
    def resource_table(self) -> str:
        """The table that holds the channel's resources: its messages, emails or pushes."""
        return self.name


CHANNELS: Final[Mapping[str, Channel]] = MappingProxyType(
    {
        channel.name: channel
        for channel in (
            Channel(
                name="messages",
                path="Messages",
                table="message_operations",
                counters=(
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
                ),
                envelopes=("messages",),
            ),
            Channel(
                name="emails",
                path="Emails",
                table="email_operations",
                counters=(
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
                ),
                envelopes=("emails", "data"),
            ),
            Channel(
                name="push_notifications",
                path="PushNotifications",
                table="push_notification_operations",
                counters=(
                    "total",
                    "recipients",
                    "unaddressable",
                    "scheduled",
                    "queued",
                    "sent",
                    "failed",
                    "canceled",
                ),
                envelopes=("pushNotifications", "notifications", "data"),
            ),
        )
    }
)
"""All channels by name, in the order of reports."""
