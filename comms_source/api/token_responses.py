"""Classifies the responses of the server that issues access tokens. No I/O, no clock.

200                  a token; EnvelopeMissing or NotJson if there is none in it
400, 401, 403        CredentialsRefused
other 4xx, not 429   ConfigurationError: nothing issues tokens there
the rest             as from the API, see `responses`
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import msgspec

from comms_source.api.responses import (
    OK,
    Reply,
    Server,
    common_error,
    decoded,
    message_of,
    reject_html,
)
from comms_source.errors import ConfigurationError, CredentialsRefused, EnvelopeMissing

TOKEN_SERVER: Final = Server("the token server", "token_url", "run again later")

USUAL_LIFE: Final = 3600.0
"""The seconds that a token lives if the response does not say it."""
LONGEST_LIFE: Final = timedelta(days=30).total_seconds()
"""The maximum that an app can be configured for."""

_REFUSED: Final = frozenset({400, 401, 403})
_TOO_MANY: Final = 429


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token, which never shows in a repr, and how long it lives from the request on."""

    text: str = field(repr=False)
    life: timedelta


class _Body(msgspec.Struct):
    access_token: str
    expires_in: float | None = None


def read_token(reply: Reply, *, secrets: Iterable[str | None]) -> AccessToken:
    """The token in a response, else an error without `secrets` in it.

    Raises:
        RetryableError: if a retry may help.
        CredentialsRefused: if the server does not accept the client id and its secret.
        ConfigurationError: if nothing issues tokens at the address.
        ScanFailed: if the response is no token, and a retry will not help.
    """
    if reply.status != OK:
        raise _error_for(reply, said=message_of(reply, secrets))
    reject_html(reply, TOKEN_SERVER)
    body = decoded(_decode, reply.body)
    if not body.access_token or any(not "!" <= each <= "~" for each in body.access_token):
        raise _unusable()
    seconds = USUAL_LIFE if body.expires_in is None else body.expires_in
    return AccessToken(body.access_token, timedelta(seconds=min(max(0.0, seconds), LONGEST_LIFE)))


def _decode(body: bytes) -> _Body:
    try:
        # Not strict, since a number may be sent as text.
        return msgspec.json.decode(body, type=_Body, strict=False)
    except msgspec.ValidationError:
        raise _unusable() from None


def _unusable() -> EnvelopeMissing:
    return EnvelopeMissing(
        "the token server's response is not an access_token with its expires_in in seconds; check "
        "token_url"
    )


def _error_for(reply: Reply, *, said: str) -> Exception:
    status = reply.status
    if status in _REFUSED:
        return CredentialsRefused(
            f"no access token is issued for the OAuth app ({status}{said}); check client_id and "
            "client_secret, and that the app is active"
        )
    if 400 < status < 500 and status != _TOO_MANY:  # noqa: PLR2004
        return ConfigurationError(
            f"token_url: no access tokens are issued there ({status}{said}); correct or remove it"
        )
    return common_error(reply, TOKEN_SERVER, said=said)
