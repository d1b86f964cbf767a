"""Faults of a whole response: what replaces it, or how it fails on the way. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from comms_source.sandbox.answers import Request, Response, error_answer, json_answer, web_page
from comms_source.sandbox.faults import Fault


def _with_retry_after(status: int) -> Callable[[Fault, Request], Response]:
    def respond(fault: Fault, _: Request) -> Response:
        headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        return error_answer(status, headers=headers)

    return respond


def _redirect(_: Fault, request: Request) -> Response:
    location = f"/elsewhere?{urlencode(list(request.parameters))}"
    return Response(302, b"", {"Location": location})


def _echo(_: Fault, request: Request) -> Response:
    token = dict(request.parameters).get("pageToken", "")
    return error_answer(400, message=f"Cannot read {token} of {request.authorization}.")


REPLACEMENTS: Final[Mapping[str, Callable[[Fault, Request], Response]]] = MappingProxyType(
    {
        "too_many_requests": _with_retry_after(429),
        "unavailable": _with_retry_after(503),
        "internal_error": lambda *_: error_answer(500),
        "bad_gateway": lambda *_: web_page(502),
        "bad_request": lambda *_: error_answer(400),
        "unauthorized": lambda *_: error_answer(401),
        "forbidden": lambda *_: error_answer(403),
        "not_found": lambda *_: error_answer(404),
        "hang": lambda fault, _: Response(200, delay=fault.seconds, ending="reset"),
        "reset": lambda *_: Response(200, ending="reset"),
        "html": lambda *_: web_page(200),
        "no_envelope": lambda *_: json_answer({"status": "ok"}),
        "redirect": _redirect,
        "echo_secrets": _echo,
    }
)
"""The replacement of the whole response, by the kind of fault."""


def apply_transport_faults(response: Response, faults: Sequence[Fault]) -> Response:
    """The response after the faults that affect its transport and not its content."""
    for fault in faults:
        if fault.kind == "slow":
            response = replace(response, delay=response.delay + fault.seconds)
        elif fault.kind == "cut":
            response = replace(response, ending="cut")
        elif fault.kind == "cut_json":
            response = replace(response, body=response.body[: len(response.body) // 2])
    return response
