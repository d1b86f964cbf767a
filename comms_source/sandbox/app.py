"""The sandbox as an ASGI application: a thin layer over `model`, and endpoints to control it.

The API is below `/v1`. Clock, faults and request log are below `/sandbox`, without authentication.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from comms_source.sandbox.answers import Request, Response
from comms_source.sandbox.faults import faults_from
from comms_source.sandbox.model import SandboxModel

VERSION = "/v1"


def create_app(model: SandboxModel) -> ASGIApp:
    """The application that serves `model`."""
    app = Starlette(
        routes=[
            Route("/sandbox/clock", _clock(model), methods=["GET", "PUT"]),
            Route("/sandbox/faults", _faults(model), methods=["GET", "PUT"]),
            Route("/sandbox/requests", _requests(model), methods=["GET"]),
            Mount(VERSION, app=_Api(model)),
        ]
    )

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        # Layers between here and the endpoints wrap `send`; this one has the connection.
        scope["sandbox.send"] = send
        await app(scope, receive, send)

    return serve


class _Api:
    """The endpoints of the API."""

    def __init__(self, model: SandboxModel) -> None:
        self._model = model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = HttpRequest(scope, receive)
        if http.method != "GET":
            await HttpResponse(status_code=405, headers={"Allow": "GET"})(scope, receive, send)
            return
        request = Request(
            path=http.url.path.removeprefix(VERSION),
            parameters=http.query_params.multi_items(),
            authorization=http.headers.get("authorization", ""),
        )
        response = await run_in_threadpool(self._model.respond, request)
        await asyncio.sleep(response.delay)
        await _send(response, scope, receive, send)


async def _send(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if response.ending == "reset":
        _reset(_transport(scope))
        return
    whole = HttpResponse(response.body, response.status, dict(response.headers))
    if response.ending == "whole":
        await whole(scope, receive, send)
        return
    start = {"type": "http.response.start", "status": response.status, "headers": whole.raw_headers}
    half = response.body[: len(response.body) // 2]
    await send(start)
    await send({"type": "http.response.body", "body": half, "more_body": True})
    _transport(scope).close()


def _reset(transport: asyncio.Transport) -> None:
    """Close a connection with a TCP reset, by a linger time of 0."""
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _transport(scope: Scope) -> asyncio.Transport:
    """The connection of a response; ASGI itself cannot abort one."""
    transport = scope["sandbox.send"].__self__.transport
    if not isinstance(transport, asyncio.Transport):
        raise TypeError("only a real server can abort a connection")
    return transport


Endpoint = Callable[[HttpRequest], Awaitable[HttpResponse]]


class _ClockUpdate(msgspec.Struct, forbid_unknown_fields=True):
    now: datetime | None = None
    advance_seconds: float = 0
    frozen: bool | None = None


def _clock(model: SandboxModel) -> Endpoint:
    async def endpoint(request: HttpRequest) -> HttpResponse:
        if request.method == "PUT":
            update = msgspec.json.decode(await request.body(), type=_ClockUpdate)
            now = update.now or model.clock.now()
            model.clock.set(now + timedelta(seconds=update.advance_seconds))
            model.clock.frozen = model.clock.frozen if update.frozen is None else update.frozen
        return _json({"now": model.clock.now(), "frozen": model.clock.frozen})

    return _with_errors(endpoint)


def _faults(model: SandboxModel) -> Endpoint:
    async def endpoint(request: HttpRequest) -> HttpResponse:
        if request.method == "PUT":
            model.faults.replace(faults_from(await request.json()))
        return _json([asdict(fault) for fault in model.faults.faults])

    return _with_errors(endpoint)


def _requests(model: SandboxModel) -> Endpoint:
    async def endpoint(_: HttpRequest) -> HttpResponse:
        return _json([asdict(entry) for entry in list(model.requests)])

    return endpoint


def _with_errors(endpoint: Endpoint) -> Endpoint:
    async def guarded(request: HttpRequest) -> HttpResponse:
        try:
            return await endpoint(request)
        except (ValueError, OverflowError) as error:
            return _json({"error": str(error)}, status=400)

    return guarded


def _json(content: Any, status: int = 200) -> HttpResponse:
    body = msgspec.json.encode(content)
    return HttpResponse(body, status, media_type="application/json")
