"""The envelope of a list response."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comms_source.channels import CHANNELS
from comms_source.errors import EnvelopeMissing
from comms_source.tables.page import Page, decode_page, raw_rows


def decode(body: bytes) -> Page:
    """Decode a list response of the channel `messages`."""
    return decode_page(body, channel=CHANNELS["messages"])


def body_with(following: object) -> bytes:
    """A list response that names `following` as the next page."""
    return msgspec.json.encode({"operations": [], "pagination": {"next": following, "self": "x"}})


@pytest.mark.parametrize("following", [None, ""])
def test_null_or_empty_next_ends_the_chain(following: str | None) -> None:
    """Both mean that there is no next page."""
    assert decode(body_with(following)).next_token is None


def test_a_missing_next_ends_the_chain() -> None:
    """A `pagination` without `next` names no next page."""
    assert decode(b'{"operations": [], "pagination": {}}').next_token is None


def test_a_token_is_opaque() -> None:
    """Any text is passed on unchanged."""
    assert decode(body_with("eyJ+/=")).next_token == "eyJ+/="


@pytest.mark.parametrize(
    "address",
    [
        "https://comms.twilio.com/v1/Emails/Operations?pageSize=5&pageToken=a%2Bb%3D",
        "/v1/Emails/Operations?pageToken=a%2Bb%3D",
    ],
)
def test_a_url_instead_of_a_token_gives_its_token(address: str) -> None:
    """A guide shows URLs where the reference has tokens, so both are supported."""
    assert decode(body_with(address)).next_token == "a+b="


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'"text"',
        b'{"status": "ok"}',
        b'{"operations": []}',
        b'{"operations": {}, "pagination": {}}',
        b'{"operations": [], "pagination": null}',
        b'{"operations": [], "pagination": {"next": 5}}',
        b'{"operations": [], "pagination": {"next": "https://x/?page=2"}}',
    ],
)
def test_json_without_the_envelope_is_an_error(body: bytes) -> None:
    """Never an empty success; the message says what was received, and what to check."""
    with pytest.raises(EnvelopeMissing, match="base_url"):
        decode(body)


@pytest.mark.parametrize("body", [b"", b"{", b'{"operations": [1,', b"\xff\xfe"])
def test_an_incomplete_response_is_a_decode_error(body: bytes) -> None:
    """The client treats that error as a broken connection."""
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        decode(body)


def test_raw_rows_are_the_exact_text() -> None:
    """Spaces, order and number formats are kept."""
    body = b'{"operations": [{"a":1.50,  "b": 2}, 7], "pagination": {}}'

    assert raw_rows(body) == ['{"a":1.50,  "b": 2}', "7"]


BODY = msgspec.json.encode(
    {
        "operations": [
            {
                "id": "op",
                "status": "COMPLETED",
                "stats": {"total": 1, "read": None},
                "createdAt": "2026-11-19T06:20:00Z",
                "updatedAt": None,
            }
        ],
        "pagination": {"next": None, "self": "x"},
    }
)
SPLICES = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b",",
    b'"',
    b"\x00",
    b"\xff",
    b"\n",
    b"1",
    b'"id":"z",',
    b"\\ud800",
]
edits = st.lists(
    st.tuples(st.integers(0, len(BODY)), st.integers(0, 4), st.sampled_from(SPLICES)), max_size=3
)


@settings(max_examples=500)
@given(edits)
def test_a_corrupted_response_is_read_as_json_or_rejected(
    changes: list[tuple[int, int, bytes]],
) -> None:
    """Arrow's reader never gets invalid JSON, and finds as many rows as a JSON decoder."""
    body = BODY
    for at, lost, added in changes:
        body = body[:at] + added + body[at + lost :]
    try:
        page = decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, EnvelopeMissing):
        return

    assert len(page.rows) == len(msgspec.json.decode(body)["operations"])


def test_text_that_is_not_utf8_is_refused() -> None:
    """Arrow would accept it, and the destination would fail on it."""
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        decode(BODY.replace(b"COMPLETED", b"COMPL\xffTED"))
