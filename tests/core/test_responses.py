"""The classification of responses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
import pytest

from comms_source import errors
from comms_source.api.responses import (
    ConnectionBroken,
    Reply,
    RetryableError,
    ServerBusy,
    ServerFailed,
    classify_response,
    decoded,
)
from comms_source.sandbox import documented_payloads

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def reply(status: int, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> Reply:
    """A response of the API."""
    return Reply(status, headers or {}, body, NOW)


def outcome(given: Reply, *, is_list: bool = True) -> Exception:
    """The error that classifying a response raises."""
    with pytest.raises((RetryableError, errors.CommsSourceError)) as caught:
        classify_response(given, channel="emails", is_list=is_list)
    return caught.value


def final(given: Reply) -> Exception:
    """The error of a response after the last retry."""
    raised = outcome(given)
    return raised.error if isinstance(raised, RetryableError) else raised


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.RequestRefused),
        (401, errors.CredentialsRefused),
        (403, errors.ChannelRefused),
        (404, errors.ChannelRefused),
        (409, errors.RequestRefused),
        (418, errors.RequestRefused),
        (429, errors.StillBusy),
        (500, errors.ServerFault),
        (501, errors.RequestRefused),
        (502, errors.ConnectionLost),
        (503, errors.StillBusy),
        (504, errors.ConnectionLost),
        (201, errors.EnvelopeMissing),
        (204, errors.EnvelopeMissing),
        (301, errors.Redirected),
        (302, errors.Redirected),
        (307, errors.Redirected),
    ],
)
def test_each_status_of_a_list_has_one_error(status: int, kind: type[Exception]) -> None:
    """As the table at the top of `responses.py` says."""
    assert type(final(reply(status))) is kind


def test_a_success_raises_nothing() -> None:
    """A 200 with JSON raises nothing."""
    classify_response(
        reply(200, headers={"content-type": "application/json"}), channel="x", is_list=True
    )


def test_a_404_to_an_id_does_not_close_the_channel() -> None:
    """Only a list that does not exist means that the channel is closed."""
    assert type(outcome(reply(404), is_list=False)) is errors.RequestRefused


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, ServerBusy),
        (503, ServerBusy),
        (500, ServerFailed),
        (502, ConnectionBroken),
        (504, ConnectionBroken),
    ],
)
def test_only_these_statuses_are_retried(status: int, kind: type[RetryableError]) -> None:
    """Each with the kind of error that determines how."""
    assert type(outcome(reply(status))) is kind


@pytest.mark.parametrize(("status", "shared"), [(429, True), (503, False)])
def test_a_429_pauses_all_requests_and_a_503_only_one(status: int, shared: bool) -> None:
    """A rate limit applies to the account, so all scans pause."""
    busy = outcome(reply(status))

    assert isinstance(busy, ServerBusy)
    assert busy.shared is shared


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT"}, 30.0),
        (
            {
                "retry-after": "Fri, 20 Nov 2026 09:00:30 GMT",
                "date": "Fri, 20 Nov 2026 09:00:00 GMT",
            },
            30.0,
        ),
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    """A date is relative to the API's own time if given; an unreadable value counts as missing."""
    busy = outcome(reply(429, headers=headers))

    assert isinstance(busy, ServerBusy)
    assert busy.retry_after == seconds


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<!doctype html><p>Log in", {}),
        (b"\n  <html>", {"content-type": "application/json"}),
        (b"Please log in", {"content-type": "text/HTML; charset=utf-8"}),
    ],
)
def test_a_web_page_is_reported_as_such(body: bytes, headers: dict[str, str]) -> None:
    """It is recognized by its content type or its first character."""
    assert type(outcome(reply(200, body, headers))) is errors.NotJson


@pytest.mark.parametrize("name", ["error_400", "error_404", "error_429", "error_500", "error_503"])
def test_the_message_quotes_documented_errors(name: str) -> None:
    """With the code and message of each documented error, but not its literal 'null'."""
    body = documented_payloads()[name]
    said = str(final(reply(int(name[-3:]), msgspec.json.encode(body))))

    for error in body["errors"]:
        if name != "error_500":
            assert str(error["code"]) in said
            assert error["message"] in said
    assert "null" not in said


@pytest.mark.parametrize("body", [b"", b"oops", b"[]", b'{"errors": 5}', b'{"errors": [5, {}]}'])
def test_an_error_without_a_readable_body_is_the_same_error(body: bytes) -> None:
    """The kind of error depends on the status alone."""
    assert type(final(reply(400, body))) is errors.RequestRefused


def test_secrets_that_the_api_echoes_are_not_in_the_message() -> None:
    """Neither plain nor encoded; control characters are removed too."""
    body = msgspec.json.encode({"errors": [{"code": 1, "message": "a tok/en \x1b[31m tok%2Fen"}]})
    with pytest.raises(errors.RequestRefused) as caught:
        classify_response(
            reply(400, body), channel="emails", is_list=True, secrets=["tok/en", None]
        )

    assert "tok" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_incomplete_json_is_retried() -> None:
    """It is treated as a broken connection."""
    with pytest.raises(ConnectionBroken):
        decoded(msgspec.json.decode, b'{"operations": [')


@pytest.mark.parametrize("text", ["", "yesterday", "Fri, 99 Nov 2026"])
def test_an_unreadable_date_header_is_ignored(text: str) -> None:
    """The clock check then has nothing to compare with."""
    assert reply(200, headers={"date": text}).api_time is None
