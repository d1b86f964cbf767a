"""Requests and responses without a socket, and constructors of responses. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

Ending = Literal["whole", "cut", "reset"]

_ERRORS: Final = {
    400: (20001, "Bad request."),
    401: (20003, "Authentication failed."),
    403: (20403, "Forbidden."),
    404: (20404, "The resource was not found."),
    405: (20004, "Method not allowed."),
    429: (20429, "Too many requests. Please retry according to the Retry-After response header."),
    500: (20500, "Internal server error."),
    503: (20503, "Service unavailable."),
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request."""

    path: str
    """The path below the version, such as `/Messages/Operations`."""
    parameters: Sequence[tuple[str, str]] = ()
    """Those of the query; of a request for a token, the fields of its form."""
    authorization: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """A response, and how to send it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Ending = "whole"
    """Whether the response is complete, is cut half-way, or the connection is reset instead."""
    delay: float = 0.0
    """The number of seconds before the response."""


def json_answer(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON response."""
    body = msgspec.json.encode(content)
    return Response(status, body, {"Content-Type": "application/json", **(headers or {})})


def error_answer(
    status: int,
    *,
    message: str | None = None,
    code: int | None = None,
    context: str = "null",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error response in the documented form."""
    usual, text = _ERRORS[status]
    error = {
        "code": code or usual,
        "message": message or text,
        "infoUrl": f"/docs/api/errors/{code or usual}",
        "context": context,
    }
    return json_answer({"errors": [error]}, status, headers)


def classic_error(status: int, *, message: str | None = None) -> Response:
    """An error response in the form of Twilio's older APIs, as live ones with status 401 have."""
    code, text = _ERRORS[status]
    error = {
        "code": code,
        "message": message or text,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return json_answer(error, status)


def web_page(status: int) -> Response:
    """An HTML page, as a proxy sends it."""
    page = b"<!doctype html><title>Proxy</title><p>Please log in to the network."
    return Response(status, page, {"Content-Type": "text/html; charset=utf-8"})
