"""What requests are authorized with: HTTP Basic, or the access token of an OAuth app.

The `Authorization` header is made here and nowhere else, so a request never has both.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import httpx

from comms_source.api.access_tokens import TokenAuthorization
from comms_source.config.credentials import BasicCredentials, OAuthCredentials
from comms_source.config.settings import Settings


class Authorization(Protocol):
    """The `Authorization` header of requests. Thread-safe."""

    remedy: str
    """What to do if the API answers 401."""

    @property
    def secret(self) -> str:
        """The password or client secret, which no message may show."""

    def header(self) -> str:
        """The header of the next request.

        Raises:
            RetryableError: if there is none yet, and a retry may help.
            CommsSourceError: if no retry will help.
        """

    def replaces(self, header: str) -> bool:
        """Whether there is another header to repeat a request with that got a 401 with this one."""

    def note_accepted(self, header: str) -> None:
        """Note that the API answered a request with this header."""

    def close(self) -> None:
        """Close the connections; the next request opens others."""


def authorization_for(
    settings: Settings,
    *,
    clock: Callable[[], datetime],
    transport: httpx.BaseTransport | None = None,
) -> Authorization:
    """The authorization for the credentials in `settings`; nothing is sent yet.

    Args:
        settings: Credentials and timeouts.
        clock: The time on this machine.
        transport: Sends requests for tokens; by default the HTTP library's connection pool.
    """
    if isinstance(settings.credentials, OAuthCredentials):
        return TokenAuthorization(
            settings.credentials, settings=settings, clock=clock, transport=transport
        )
    return BasicAuthorization(settings.credentials)


class BasicAuthorization:
    """A user and a password, the same in every request."""

    remedy = "check the account id and auth token, or the API key and its secret"

    def __init__(self, credentials: BasicCredentials) -> None:
        """Prepare the header."""
        self.secret = credentials.password
        self._header = f"Basic {basic_token(credentials)}"

    def header(self) -> str:
        """The header, always the same."""
        return self._header

    def replaces(self, header: str) -> bool:  # noqa: ARG002 - there is no other
        """There is no other header."""
        return False

    def note_accepted(self, header: str) -> None:
        """Nothing depends on it."""

    def close(self) -> None:
        """There are no connections."""


def basic_token(credentials: BasicCredentials) -> str:
    """The value that HTTP Basic authentication sends for these credentials."""
    return base64.b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()
