"""The sandbox as an ASGI application: a thin layer over `model`, and endpoints to control it.

The API is below `/v1`, and access tokens are issued at `/v2/token`. Clock, faults and request log
are below `/sandbox`, without authentication.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

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
TOKEN_PATH = "/v2/token"  # noqa: S105 - a path
FORM = "application/x-www-form-urlencoded"


def create_app(model: SandboxModel) -> ASGIApp:
    """The application that serves `model`."""
    endpoints = _Endpoints(model)
    app = Starlette(
        routes=[
            Route("/sandbox/clock", endpoints.clock, methods=["GET", "PUT"]),
            Route("/sandbox/faults", endpoints.faults, methods=["GET", "PUT"]),
            Route("/sandbox/requests", endpoints.requests, methods=["GET"]),
            Route(TOKEN_PATH, endpoints.token, methods=["POST"]),
            Mount(VERSION, app=endpoints.api),
        ]
    )

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        # Layers between here and the endpoints wrap `send`; this one has the connection.
        scope["sandbox.send"] = send
        await app(scope, receive, send)

    return serve


class _ClockUpdate(msgspec.Struct, forbid_unknown_fields=True):
    now: datetime | None = None
    advance_seconds: float = 0
    frozen: bool | None = None


@dataclass(frozen=True, slots=True)
class _Endpoints:
    """The endpoints of the API, and those that control the sandbox."""

    model: SandboxModel

    async def api(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond as the API, to reading requests only."""
        http = HttpRequest(scope, receive)
        if http.method != "GET":
            await HttpResponse(status_code=405, headers={"Allow": "GET"})(scope, receive, send)
            return
        # As it was sent: a quoted slash is a part of an id.
        path = scope["raw_path"].decode("latin-1").partition("?")[0]
        request = Request(
            path=path.removeprefix(VERSION),
            parameters=http.query_params.multi_items(),
            authorization=http.headers.get("authorization", ""),
        )
        response = await run_in_threadpool(self.model.respond, request)
        await asyncio.sleep(response.delay)
        await _send(response, scope, receive, send)

    async def token(self, http: HttpRequest) -> ASGIApp:
        """A new access token, for the fields of a form."""
        body = (await http.body()).decode("latin-1")
        is_form = http.headers.get("content-type", "").startswith(FORM)
        request = Request(path=TOKEN_PATH, parameters=parse_qsl(body) if is_form else [])
        response = await run_in_threadpool(self.model.issue_token, request)
        await asyncio.sleep(response.delay)
        return partial(_send, response)

    async def clock(self, request: HttpRequest) -> HttpResponse:
        """The clock, once it is set."""
        clock = self.model.clock
        if request.method == "PUT":
            try:
                update = msgspec.json.decode(await request.body(), type=_ClockUpdate)
                now = update.now or clock.now()
                clock.set(now + timedelta(seconds=update.advance_seconds))
            except (ValueError, OverflowError) as error:
                return _refused(error)
            clock.frozen = clock.frozen if update.frozen is None else update.frozen
        return _json({"now": clock.now(), "frozen": clock.frozen})

    async def faults(self, request: HttpRequest) -> HttpResponse:
        """The active faults, once they are replaced."""
        if request.method == "PUT":
            try:
                self.model.faults.replace(faults_from(await request.json()))
            except (ValueError, OverflowError) as error:
                return _refused(error)
        return _json([asdict(fault) for fault in self.model.faults.faults])

    async def requests(self, _: HttpRequest) -> HttpResponse:
        """The latest requests."""
        return _json([asdict(entry) for entry in list(self.model.requests)])


def _refused(error: Exception) -> HttpResponse:
    return _json({"error": str(error)}, status=400)


async def _send(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if response.ending == "reset":
        transport = _transport(scope)
        # With a linger time of 0, the connection is closed by a TCP reset.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
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


def _transport(scope: Scope) -> asyncio.Transport:
    """The connection of a response; ASGI itself cannot abort one."""
    transport = scope["sandbox.send"].__self__.transport
    if not isinstance(transport, asyncio.Transport):
        raise TypeError("only a real server can abort a connection")
    return transport


def _json(content: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(content), status, media_type="application/json")
