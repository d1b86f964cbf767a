"""Keeps credentials and page tokens out of whatever people or files get to see.

A page token may hold account data, so it is treated as a secret. Three doors are guarded: text that
the API sends back (it may echo a request), the HTTP library's own log lines (they show the query),
and control characters, which could rewrite a terminal.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

HIDDEN: Final = "***"
MAX_QUOTE_LENGTH: Final = 300
"""How many characters of somebody else's text a message repeats at most."""

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
    """`text` on one short line, with each of `secrets`, plain or URL-encoded, blotted out."""
    for secret in filter(None, secrets):
        for form in {secret, quote(secret, safe=""), quote_plus(secret)}:
            text = text.replace(form, HIDDEN)
    text = _CONTROL.sub(" ", _TOKEN_PARAMETER.sub(rf"\1{HIDDEN}", text))
    return text if len(text) <= MAX_QUOTE_LENGTH else text[:MAX_QUOTE_LENGTH] + "..."


class _TokenFilter(logging.Filter):
    """Blots out page tokens in log lines that this project does not write itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if _TOKEN_PARAMETER.search(message):
            record.msg, record.args = _TOKEN_PARAMETER.sub(rf"\1{HIDDEN}", message), ()
        return True


_FILTER: Final = _TokenFilter()


def guard_http_logs() -> None:
    """Let no page token through the HTTP library's loggers; harmless when repeated."""
    for name in _HTTP_LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
