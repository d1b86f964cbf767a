"""What the server that issues access tokens may answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from comms_source import errors
from comms_source.api.responses import ConnectionBroken, Reply, RetryableError, ServerBusy
from comms_source.api.token_responses import read_token

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DOCUMENTED = {
    "access_token": "abc.def-ghi_",
    "id_token": None,
    "token_type": "Bearer",
    "expires_in": 3600,
    "refresh_token": None,
}


def reply(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """A response of the server; a body that is no bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Reply(status, headers or {}, content, NOW)


def outcome(given: Reply) -> Exception:
    """The error that reading a token raises."""
    with pytest.raises((RetryableError, errors.CommsSourceError)) as caught:
        read_token(given, secrets=["a-secret"])
    return caught.value


def test_the_documented_response_is_a_token() -> None:
    """With its life; its text never shows."""
    token = read_token(reply(200, DOCUMENTED), secrets=[])

    assert (token.text, token.life) == ("abc.def-ghi_", timedelta(hours=1))
    assert "abc" not in repr(token)


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (60, 60),
        (60.5, 60.5),
        ("120", 120),
        (None, 3600),
        (0, 0),
        (-5, 0),
        (1e300, 30 * 86_400),
        ("inf", 30 * 86_400),
        ("nan", 0),
    ],
)
def test_a_life_is_between_nothing_and_thirty_days(expires_in: object, seconds: float) -> None:
    """As a number or text; an hour if there is none."""
    body = DOCUMENTED | {"expires_in": expires_in}

    assert read_token(reply(200, body), secrets=[]).life == timedelta(seconds=seconds)


def test_a_life_that_is_left_out_is_an_hour() -> None:
    """The documented default."""
    assert read_token(reply(200, {"access_token": "x"}), secrets=[]).life == timedelta(hours=1)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"access_token": None},
        {"access_token": ""},
        {"access_token": "a b"},
        {"access_token": "a\r\nX: y"},
        {"access_token": "x", "expires_in": "soon"},
        {"operations": []},
    ],
)
def test_a_response_without_a_usable_token_is_named(body: object) -> None:
    """The address may be that of something else."""
    error = outcome(reply(200, body))

    assert isinstance(error, errors.EnvelopeMissing)
    assert "token_url" in str(error)


def test_a_web_page_is_named() -> None:
    """As from the API, with the setting that concerns tokens."""
    error = outcome(reply(200, b"<html>", {"content-type": "text/html"}))

    assert isinstance(error, errors.NotJson)
    assert "token_url" in str(error)


def test_a_body_that_is_cut_off_is_a_broken_connection() -> None:
    """It is requested again."""
    assert isinstance(outcome(reply(200, b'{"access_token": "ab')), ConnectionBroken)


CLASSIC = {"code": 20003, "message": "no a-secret here", "more_info": "https://t/1", "status": 400}


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize(
    "body", [CLASSIC, {"errors": [CLASSIC]}, {"status": 400, "errors": [CLASSIC]}]
)
def test_refused_credentials_are_named_with_the_servers_words(status: int, body: object) -> None:
    """In each form of an error, and without the secret if it is echoed."""
    error = outcome(reply(status, body))

    assert isinstance(error, errors.CredentialsRefused)
    assert f"({status}: 20003 no *** here)" in str(error)
    assert "check client_id and client_secret" in str(error)


@pytest.mark.parametrize("status", [404, 405, 410, 415])
def test_a_wrong_address_is_a_wrong_setting(status: int) -> None:
    """It stops the run, and is named."""
    error = outcome(reply(status, {}))

    assert isinstance(error, errors.ConfigurationError)
    assert str(error).startswith(f"token_url: no access tokens are issued there ({status})")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (201, errors.EnvelopeMissing),
        (302, errors.Redirected),
        (429, errors.StillBusy),
        (500, errors.ServerFault),
        (502, errors.ConnectionLost),
        (503, errors.StillBusy),
        (504, errors.ConnectionLost),
    ],
)
def test_other_statuses_mean_what_they_mean_from_the_api(status: int, kind: type) -> None:
    """The message names the server that answered, or the setting with its address."""
    raised = outcome(reply(status, {}, {"retry-after": "7"}))
    error = raised.error if isinstance(raised, RetryableError) else raised

    assert isinstance(error, kind)
    assert "the API" not in str(error)
    if isinstance(raised, ServerBusy):
        assert (raised.retry_after, raised.shared) == (7, status == 429)
