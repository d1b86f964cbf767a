"""Keeps credentials and page tokens out of messages and logs.

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

_TOKEN_PARAMETER: Final = re.compile(r"(pageToken=)[^&\s\"'>\])]+", re.IGNORECASE)
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
    text = _CONTROL.sub(" ", _TOKEN_PARAMETER.sub(rf"\1{HIDDEN}", text))
    return text if len(text) <= MAX_QUOTE_LENGTH else text[:MAX_QUOTE_LENGTH] + "..."


class _TokenFilter(logging.Filter):
    """Removes page tokens from the log lines of the HTTP library."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if _TOKEN_PARAMETER.search(message):
            record.msg, record.args = _TOKEN_PARAMETER.sub(rf"\1{HIDDEN}", message), ()
        return True


_FILTER: Final = _TokenFilter()


def guard_http_logs() -> None:
    """Remove page tokens from the HTTP library's log lines; may be called repeatedly."""
    for name in _HTTP_LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
