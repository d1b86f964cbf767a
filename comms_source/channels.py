"""What the Communications API says: its channels, their paths, their counters.

One frozen table, `CHANNELS`. Everything else in the project is written once for "a channel", so a
fourth channel is one more row here. The facts are those of the API reference (Operations
resource of Messages, Emails and PushNotifications, version 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Mapping

STATUSES: Final = ("SCHEDULED", "PROCESSING", "COMPLETED", "CANCELED")
"""The statuses that the API documents for an operation; others are kept as they come."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of the API: where its operations are listed and what they count."""

    name: str
    """How this project, its tables and its messages call the channel."""
    path: str
    """The first path segment below the API's version, in the API's own spelling."""
    table: str
    """The table, and the dlt resource, that holds the channel's operations."""
    counters: tuple[str, ...]
    """The documented keys of `stats`, which are also the names of the columns."""

    @property
    def history_table(self) -> str:
        """The table that holds each state in which an operation of the channel was seen."""
        return f"{self.table.removesuffix('s')}_history"


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
            ),
        )
    }
)
"""Every channel by name, in the order in which people read them."""
