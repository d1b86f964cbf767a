"""The HTTP client's surroundings, and what the API says when it refuses."""

from __future__ import annotations

import os
from collections.abc import Mapping

import httpx
import msgspec
import pytest

from comms_source.api.http import open_http
from comms_source.channels import CHANNELS
from comms_source.config.credentials import BasicCredentials
from comms_source.config.settings import Settings
from comms_source.errors import (
    CommsSourceError,
    ConfigurationError,
    ConnectionLost,
    CredentialsRefused,
    HostUnreachable,
)
from comms_source.extract.session import Session

SETTINGS = Settings(credentials=BasicCredentials("AC1", "a-secret"), attempts=1)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no certificates but those of a test."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("environment", "culprit"),
    [
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "fd07:b51a:cc66:f0::/64"}, "NO_PROXY"),
        ({"no_proxy": "localhost,[::1]"}, "no_proxy"),
        ({"ALL_PROXY": "socks://p:1", "HTTPS_PROXY": "http://p:1"}, "ALL_PROXY"),
        ({"ALL_PROXY": "socks5://p:1"}, "ALL_PROXY"),
        ({"SSL_CERT_FILE": "/nowhere.pem"}, "SSL_CERT_FILE"),
        ({"SSL_CERT_FILE": __file__, "SSL_CERT_DIR": "/etc/ssl/certs"}, "SSL_CERT_FILE"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(
    environment: Mapping[str, str], culprit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one at fault, and not those beside it."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=f"^{culprit}: cannot be used"):
        open_http(SETTINGS)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"HTTPS_PROXY": "proxy:3128", "NO_PROXY": "localhost, 127.0.0.1, ::1, .example.com"},
        {"HTTP_PROXY": "http://me:x@proxy:3128", "NO_PROXY": "*"},
    ],
)
def test_usual_variables_are_used(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a proxy without a scheme, and exceptions of every kind."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    open_http(SETTINGS).close()


def refusal(response: httpx.Response | Exception) -> CommsSourceError:
    """The error of a list that is answered so."""

    def answer(_: httpx.Request) -> httpx.Response:
        if isinstance(response, Exception):
            raise response
        return response

    session = Session(settings=SETTINGS, transport=httpx.MockTransport(answer))
    with session.connected() as client, pytest.raises(CommsSourceError) as raised:
        client.list_page(channel=CHANNELS["emails"], span=None)
    return raised.value


ERROR = {"code": 20003, "message": "Authenticate", "infoUrl": "/docs/errors/20003"}
BODIES = (
    {"errors": [ERROR]},
    {"status": 401, "errors": [{**ERROR, "context": {"field": "x"}}]},
    {"code": 20003, "message": "Authenticate", "more_info": "https://t/20003", "status": 401},
)
"""The forms in which the API was seen to describe an error."""


@pytest.mark.parametrize("body", BODIES)
def test_code_and_message_are_reported_in_each_form(body: object) -> None:
    """A list of errors, the same beside a status, and the classic single one."""
    reported = refusal(httpx.Response(401, content=msgspec.json.encode(body)))

    assert isinstance(reported, CredentialsRefused)
    assert "(401: 20003 Authenticate" in str(reported)


@pytest.mark.parametrize("body", [b"{}", b"[]", b'"text"', b"null", b'{"errors": "none"}', b"\xff"])
def test_a_body_without_an_error_adds_nothing(body: bytes) -> None:
    """The status alone is reported."""
    assert "(401)" in str(refusal(httpx.Response(401, content=body)))


def test_an_untrusted_certificate_stops_the_run() -> None:
    """It is no outage that would end if one tried again; the variable that helps is named."""
    reported = refusal(
        httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")
    )

    assert isinstance(reported, HostUnreachable)
    assert "set SSL_CERT_FILE" in str(reported)


def test_a_body_that_is_not_compressed_as_it_says() -> None:
    """A proxy that unpacks and leaves the header is no missing response."""
    headers = {"Content-Encoding": "gzip"}
    stream = httpx.ByteStream(b'{"operations": []}')

    reported = refusal(httpx.Response(200, headers=headers, stream=stream))

    assert isinstance(reported, ConnectionLost)
    assert "is not compressed as its header says" in str(reported)
