"""Faults of a whole answer: what stands in for it, or what becomes of it on its way. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from comms_source.sandbox.answers import Request, Response, error_answer, json_answer, web_page
from comms_source.sandbox.faults import Fault


def _asked_to_wait(status: int) -> Callable[[Fault, Request], Response]:
    def answer(fault: Fault, _: Request) -> Response:
        told = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        return error_answer(status, headers=told)

    return answer


def _redirect(_: Fault, request: Request) -> Response:
    location = f"/elsewhere?{urlencode(list(request.parameters))}"
    return Response(302, b"", {"Location": location})


def _echo(_: Fault, request: Request) -> Response:
    token = dict(request.parameters).get("pageToken", "")
    return error_answer(400, message=f"Cannot read {token} of {request.authorization}.")


STAND_INS: Final[Mapping[str, Callable[[Fault, Request], Response]]] = MappingProxyType(
    {
        "too_many_requests": _asked_to_wait(429),
        "unavailable": _asked_to_wait(503),
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
"""What stands in for the whole answer, by the kind of fault."""


def spoiled(response: Response, faults: Sequence[Fault]) -> Response:
    """The answer after faults that leave its content alone but not its way to the client."""
    for fault in faults:
        if fault.kind == "slow":
            response = replace(response, delay=response.delay + fault.seconds)
        elif fault.kind == "cut":
            response = replace(response, ending="cut")
        elif fault.kind == "cut_json":
            response = replace(response, body=response.body[: len(response.body) // 2])
    return response
