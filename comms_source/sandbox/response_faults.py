"""Faults of a whole response: what replaces it, or how it fails on the way. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from comms_source.sandbox.answers import Request, Response, error_answer, json_answer, web_page

if TYPE_CHECKING:  # faults imports the kinds from here
    from comms_source.sandbox.faults import Fault


def _busy(status: int, fault: Fault) -> Response:
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    return error_answer(status, headers=headers)


def _redirect(_: Fault, request: Request) -> Response:
    location = f"/elsewhere?{urlencode(list(request.parameters))}"
    return Response(302, b"", {"Location": location})


def _echo(_: Fault, request: Request) -> Response:
    values = dict(request.parameters)
    secret = values.get("pageToken") or values.get("client_secret", "")
    return error_answer(400, message=f"Cannot read {secret} of {request.authorization}.")


REPLACEMENTS: Final[Mapping[str, Callable[[Fault, Request], Response]]] = {
    "too_many_requests": lambda fault, _: _busy(429, fault),
    "unavailable": lambda fault, _: _busy(503, fault),
    "internal_error": lambda *_: error_answer(500),
    "bad_gateway": lambda *_: web_page(502),
    "bad_request": lambda *_: error_answer(400),
    "unauthorized": lambda *_: error_answer(401),
    "forbidden": lambda *_: error_answer(403),
    "not_found": lambda *_: error_answer(404),
    "method_not_allowed": lambda *_: error_answer(405),
    "hang": lambda fault, _: Response(200, delay=fault.seconds, ending="reset"),
    "reset": lambda *_: Response(200, ending="reset"),
    "html": lambda *_: web_page(200),
    "no_envelope": lambda *_: json_answer({"status": "ok"}),
    "redirect": _redirect,
    "echo_secrets": _echo,
}
"""What replaces the whole response, by the kind of fault."""

TRANSPORT_FAULTS: Final[Mapping[str, Callable[[Fault, Response], Response]]] = {
    "slow": lambda fault, response: replace(response, delay=response.delay + fault.seconds),
    "cut": lambda _, response: replace(response, ending="cut"),
    "cut_json": lambda _, response: replace(
        response, body=response.body[: len(response.body) // 2]
    ),
}
"""How the transport of a correct response fails, by the kind of fault."""
