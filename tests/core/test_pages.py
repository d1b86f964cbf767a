"""The envelope of a list answer."""

from __future__ import annotations

import msgspec
import pytest

from comms_source.channels import CHANNELS
from comms_source.errors import EnvelopeMissing
from comms_source.pages import Page, decode_page, raw_rows


def decode(body: bytes) -> Page:
    """Take an answer of the messages' list apart."""
    return decode_page(body, channel=CHANNELS["messages"])


def body_with(following: object) -> bytes:
    """A list answer that names `following` as the next page."""
    return msgspec.json.encode({"operations": [], "pagination": {"next": following, "self": "x"}})


@pytest.mark.parametrize("following", [None, ""])
def test_null_or_empty_next_ends_the_chain(following: str | None) -> None:
    """Both mean that no page follows."""
    assert decode(body_with(following)).next_token is None


def test_a_missing_next_ends_the_chain() -> None:
    """A `pagination` without `next` names no further page."""
    assert decode(b'{"operations": [], "pagination": {}}').next_token is None


def test_a_token_is_opaque() -> None:
    """Whatever text it is, it is handed on as it is."""
    assert decode(body_with("eyJ+/=")).next_token == "eyJ+/="


@pytest.mark.parametrize(
    "address",
    [
        "https://comms.twilio.com/v1/Emails/Operations?pageSize=5&pageToken=a%2Bb%3D",
        "/v1/Emails/Operations?pageToken=a%2Bb%3D",
    ],
)
def test_an_address_in_place_of_a_token_gives_its_token(address: str) -> None:
    """A guide shows addresses where the reference has tokens: both are understood."""
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
def test_json_without_the_envelope_is_a_named_error(body: bytes) -> None:
    """Never an empty success; the message says what came instead and where to look."""
    with pytest.raises(EnvelopeMissing, match="base_url"):
        decode(body)


@pytest.mark.parametrize("body", [b"", b"{", b'{"operations": [1,', b"\xff\xfe"])
def test_a_cut_answer_is_no_json(body: bytes) -> None:
    """It raises what the client takes for a cut."""
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        decode(body)


def test_raw_rows_are_the_text_to_the_letter() -> None:
    """Spaces, order and number formats stay."""
    body = b'{"operations": [{"a":1.50,  "b": 2}, 7], "pagination": {}}'

    assert raw_rows(body) == ['{"a":1.50,  "b": 2}', "7"]
