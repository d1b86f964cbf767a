"""From a list of resources to an Arrow table, and what they say of their operation. Pure.

Only the fields that are named here are decoded, so content and device tokens are not even read.
Rests on MessageMetadata, EmailMetadata and PushNotificationMetadata of the API reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from comms_source.channels import Channel
from comms_source.errors import EnvelopeMissing
from comms_source.tables.detail_tables import resource_table
from comms_source.tables.page import next_token
from comms_source.tables.personal_data import PersonalData, is_short_number
from comms_source.tables.row_reader import instant_or_none
from comms_source.tables.specs import TEXT, TIMESTAMP, constant

_OPERATION: Final = "operation"
_KNOWN_FIELDS: Final = frozenset(
    {
        *("id", "from", "to", "status", "related", "tags"),
        *("scheduledFor", "createdAt", "updatedAt", "deletedAt"),
        *("content", "attempts", "replyTo", "cc", "bcc"),  # documented, and left out
    }
)
_KEPT_FIELDS: Final = frozenset({"priority", "sound"})
"""Fields without a column whose text is kept: they hold no personal data."""


class Address(msgspec.Struct, rename="camel", frozen=True):
    """A sender or a recipient; a device token is not among the fields."""

    address: str | None = None
    channel: str | None = None
    sender_id: str | None = None
    sender_pool_id: str | None = None
    provider: str | None = None
    user: str | None = None


class Related(msgspec.Struct, frozen=True):
    """What a resource belongs to."""

    name: str | None = None
    id: str | None = None


class Resource(msgspec.Struct, rename="camel", frozen=True):
    """A message, an email or a push notification."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    status: str | None = None
    sender: Address | None = msgspec.field(name="from", default=None)
    to: list[Address] | Address | None = None
    related: list[Related] | None = None
    tags: msgspec.Raw = msgspec.Raw(b"null")
    scheduled_for: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    deleted_at: str | None = None

    @property
    def operations(self) -> list[str]:
        """The ids of the operations that it says it belongs to."""
        return [
            each.id
            for each in self.related or ()
            if each.id and each.name and each.name.casefold() == _OPERATION
        ]


@dataclass(frozen=True, slots=True)
class ResourcePage:
    """One page of a list of resources."""

    resources: Sequence[Resource]
    rejected: int
    """Rows that could not be read; what they say is not kept, since it may be personal."""
    extra: Sequence[str | None]
    """By position in `resources`: fields without a column, as JSON."""
    new_fields: frozenset[str]
    """Fields that the reference does not name, of the first row."""
    next_token: str | None = field(repr=False)


def decode_resources(body: bytes, *, channel: Channel) -> ResourcePage:
    """Take a list of resources apart.

    Raises:
        msgspec.DecodeError: if the body is no complete JSON.
        EnvelopeMissing: if it is, but without a documented envelope.
    """
    listed, token = _envelope(body, channel.envelopes)
    rows = msgspec.json.decode(listed, type=list[msgspec.Raw])
    total = len(rows)
    try:
        resources = _RESOURCES.decode(listed)
    except msgspec.ValidationError:
        rows, resources = _readable(rows)
    new = _names_of_first(rows) - _KNOWN_FIELDS
    return ResourcePage(
        resources=resources,
        rejected=total - len(rows),
        extra=[_extra(row) for row in rows] if new else [None] * len(rows),
        new_fields=new - _KEPT_FIELDS,
        next_token=token,
    )


def resource_rows(
    page: ResourcePage,
    *,
    channel: Channel,
    account: str,
    operation_id: str,
    synced_at: datetime,
    personal: PersonalData,
) -> pa.Table:
    """The rows of `resource_table`."""
    rows, count = page.resources, len(page.resources)
    senders = [row.sender or _NOBODY for row in rows]
    recipients = [_recipients(row) for row in rows]
    inbound = [row.status is not None and row.status.upper() == "INBOUND" for row in rows]

    def texts(values: Iterable[str | None]) -> pa.Array[Any]:
        return pa.array(list(values), TEXT)

    columns = {
        "id": texts(row.id for row in rows),
        "account": constant(account, TEXT, count),
        "operation_id": constant(operation_id, TEXT, count),
        "status": pc.utf8_upper(texts(row.status for row in rows)),
        "sub_channel": texts(
            next((to.provider for to in people if to.provider), sender.channel)
            for sender, people in zip(senders, recipients, strict=True)
        ),
        # What comes in is from a person.
        "sender": texts(
            personal.address(sender.address) if is_inbound else sender.address
            for sender, is_inbound in zip(senders, inbound, strict=True)
        ),
        "sender_id": texts(sender.sender_id for sender in senders),
        "sender_pool_id": texts(sender.sender_pool_id for sender in senders),
        "recipient": texts(
            personal.address(people[0].address or people[0].user) if len(people) == 1 else None
            for people in recipients
        ),
        "recipients": pa.array([len(people) for people in recipients], pa.int64()),
        "receipts": pa.nulls(count, TEXT),
        "tags": texts(_text(row.tags) for row in rows),
        "scheduled_for": _instants([row.scheduled_for for row in rows]),
        "created_at": _instants([row.created_at for row in rows]),
        "updated_at": _instants([row.updated_at for row in rows]),
        "deleted_at": _instants([row.deleted_at for row in rows]),
        "synced_at": constant(synced_at, TIMESTAMP, count),
        "extra": texts(page.extra),
    }
    schema = resource_table(channel).columns
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def tags_of(resources: Iterable[Resource]) -> Counter[tuple[str, str]]:
    """How many of the resources carry each tag and value."""
    distinct = Counter(bytes(each.tags) for each in resources)
    tags: Counter[tuple[str, str]] = Counter()
    for raw, count in distinct.items():
        pairs = msgspec.json.decode(raw)
        for tag, value in pairs.items() if isinstance(pairs, dict) else ():
            if isinstance(value, str | int | float) and tag:
                tags[tag, str(value)] += count
    return tags


def _envelope(body: bytes, envelopes: Sequence[str]) -> tuple[bytes, str | None]:
    """The list in a response as JSON, and the token of the page after."""
    try:
        answer = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        raise _missing(envelopes, "something else") from None
    listed = next((bytes(answer[name]) for name in envelopes if name in answer), b"")
    if not listed.startswith(b"["):
        raise _missing(envelopes, f"an object of {', '.join(sorted(answer)) or 'nothing'}")
    pagination = msgspec.json.decode(answer.get("pagination", b"null"))
    if not isinstance(pagination, dict):
        raise _missing(envelopes, "one without 'pagination'")
    return listed, next_token(pagination)


def _missing(envelopes: Sequence[str], instead: str) -> EnvelopeMissing:
    return EnvelopeMissing(
        f"expected an object with the list {' or '.join(envelopes)}, got {instead}; "
        "check that base_url points at the Communications API"
    )


def _readable(rows: Sequence[msgspec.Raw]) -> tuple[list[msgspec.Raw], list[Resource]]:
    """The rows that can be read, each as it came and decoded."""
    kept: list[msgspec.Raw] = []
    resources: list[Resource] = []
    for row in rows:
        try:
            resources.append(_RESOURCE.decode(row))
        except msgspec.ValidationError:
            continue
        kept.append(row)
    return kept, resources


def _names_of_first(rows: Sequence[msgspec.Raw]) -> frozenset[str]:
    return frozenset(msgspec.json.decode(rows[0], type=dict[str, msgspec.Raw])) if rows else _NONE


def _extra(row: msgspec.Raw) -> str | None:
    """What is kept of fields without a column: short numbers, and texts of known fields."""
    fields = msgspec.json.decode(row, type=dict[str, Any])
    kept = {
        name: value
        for name, value in fields.items()
        if name not in _KNOWN_FIELDS
        and (is_short_number(value) or (name in _KEPT_FIELDS and value is not None))
    }
    return msgspec.json.encode(kept, order="sorted").decode() if kept else None


def _recipients(resource: Resource) -> list[Address]:
    if isinstance(resource.to, Address):
        return [resource.to]
    return resource.to or []


def _text(raw: msgspec.Raw) -> str | None:
    text = bytes(raw)
    return None if text in {b"null", b"{}"} else text.decode()


def _instants(texts: list[str | None]) -> pa.Array[Any]:
    column = pa.array(texts, TEXT)
    try:
        return pc.cast(column, TIMESTAMP)
    except pa.ArrowInvalid:
        readable = [instant_or_none(text) for text in texts]
        return pa.array(readable, TIMESTAMP)


_RESOURCE: Final = msgspec.json.Decoder(Resource)
_RESOURCES: Final = msgspec.json.Decoder(list[Resource])
_NOBODY: Final = Address()
_NONE: Final[frozenset[str]] = frozenset()
