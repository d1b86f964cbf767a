"""One answer of the API as data: the envelope of a list, checked before anything is believed.

Pure. Rests on the reference's `ListMessageOperationsResponse` and `PaginationMetadata`: both
`operations` and `pagination` are required, `next` is a token or null.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
import pyarrow as pa

from comms_source.channels import Channel
from comms_source.errors import EnvelopeMissing
from comms_source.tables.arrow_reader import read_documented


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    rows: list[Any] | pa.StructArray
    """Arrow's, if every row is as documented; else decoded JSON, not yet looked at."""
    next_token: str | None = field(repr=False)
    """What to send for the page after this one; None on the last."""
    body: bytes = field(repr=False)
    """The answer as it came, for the raw text of rows that cannot be read."""

    def identities(self) -> pa.Array[Any]:
        """What tells the rows apart: the ids, where there are any."""
        if isinstance(self.rows, pa.StructArray):
            return self.rows.field("id")
        return pa.array([_identity(row) for row in self.rows], pa.string())


def decode_page(body: bytes, *, channel: Channel, learned: frozenset[str] = frozenset()) -> Page:
    """Take a list answer apart; `learned` are counters beside the documented ones.

    Raises:
        msgspec.DecodeError: if the body is no complete JSON.
        EnvelopeMissing: if it is, but without the documented envelope.
    """
    try:
        envelope = _ENVELOPE.decode(body)
    except msgspec.ValidationError:
        return plain_page(body)
    rows = read_documented(bytes(envelope.operations), channel=channel, learned=learned)
    if rows is None:
        return plain_page(body)
    return Page(rows, next_token(envelope.pagination), body)


def plain_page(body: bytes) -> Page:
    """The same, with the rows as decoded JSON, not looked at.

    Raises:
        msgspec.DecodeError: if the body is no complete JSON.
        EnvelopeMissing: if it is, but without the documented envelope.
    """
    answer = msgspec.json.decode(body)
    if not isinstance(answer, dict):
        raise _missing(f"a JSON {_kind(answer)}")
    operations, pagination = answer.get("operations"), answer.get("pagination")
    if not isinstance(operations, list):
        raise _missing(f"an object whose 'operations' is {_kind(operations)}")
    if not isinstance(pagination, dict):
        raise _missing(f"an object whose 'pagination' is {_kind(pagination)}")
    return Page(operations, next_token(pagination), body)


def next_token(pagination: dict[str, Any]) -> str | None:
    """The token of the following page: None where `next` is null, empty or absent.

    The reference calls `next` a token while a guide shows such a field as an address, so an address
    is understood too.

    Raises:
        EnvelopeMissing: if `next` is neither text nor null, or an address without a token.
    """
    following = pagination.get("next")
    if following is None or following == "":
        return None
    if not isinstance(following, str):
        raise _missing(f"a 'pagination.next' that is {_kind(following)}")
    return _token_of_address(following) if _is_address(following) else following


def raw_rows(body: bytes) -> list[str]:
    """The rows of a list answer as the text they came as, to the letter."""
    envelope = msgspec.json.decode(body, type=_RawEnvelope)
    return [bytes(row).decode() for row in envelope.operations]


class _RawEnvelope(msgspec.Struct):
    operations: list[msgspec.Raw]


def _identity(operation: Any) -> str:
    return str(operation.get("id")) if isinstance(operation, dict) else str(operation)


class _Envelope(msgspec.Struct):
    operations: msgspec.Raw
    pagination: dict[str, Any]


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


def _is_address(text: str) -> bool:
    return text.startswith(("https://", "http://", "/", "?"))


def _token_of_address(address: str) -> str:
    tokens = parse_qs(urlsplit(address).query).get("pageToken")
    if not tokens:
        raise _missing("a 'pagination.next' that is an address without a pageToken")
    return tokens[0]


def _missing(instead: str) -> EnvelopeMissing:
    return EnvelopeMissing(
        f"expected an object with 'operations' and 'pagination', got {instead}; "
        "check that base_url points at the Communications API"
    )


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "text", type(None): "null or absent"}
    return names.get(type(value), f"a {type(value).__name__}")
