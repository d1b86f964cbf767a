"""Keeps credentials, access tokens and page tokens out of messages and logs.

A page token may hold account data, so it is a secret too. The API's error texts may echo a request,
and the HTTP library's log lines show the query. Control characters are removed as well, since they
could rewrite a terminal.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

HIDDEN: Final = "***"
MAX_QUOTE_LENGTH: Final = 300
"""The maximum number of characters that a message quotes from the API or the HTTP library."""

_SECRET: Final = re.compile(
    r"((?:pageToken|client_secret|access_token)=)[^&\s\"'>\])]+|(\bBearer )[\w.~+/=-]{16,}",
    re.IGNORECASE,
)
"""A parameter that is a secret, or an access token as it is sent."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_HTTP_LOGGERS: Final = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


def scrub(text: str, *, secrets: Iterable[str | None]) -> str:
    """`text` on one short line, with each of `secrets`, plain or URL-encoded, replaced by `***`."""
    for secret in filter(None, secrets):
        for form in {secret, quote(secret, safe=""), quote_plus(secret)}:
            text = text.replace(form, HIDDEN)
    text = _CONTROL.sub(" ", _SECRET.sub(rf"\1\2{HIDDEN}", text))
    return text if len(text) <= MAX_QUOTE_LENGTH else text[:MAX_QUOTE_LENGTH] + "..."


class _SecretFilter(logging.Filter):
    """Removes secrets from the log lines of the HTTP library."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if _SECRET.search(message):
            record.msg, record.args = _SECRET.sub(rf"\1\2{HIDDEN}", message), ()
        return True


_FILTER: Final = _SecretFilter()


def guard_http_logs() -> None:
    """Remove secrets from the HTTP library's log lines; may be called repeatedly."""
    for name in _HTTP_LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
