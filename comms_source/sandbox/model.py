"""The sandbox without a socket: a request in, an answer out.

Everything that an HTTP server would add is in `app`; a simulation can do without it.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import unquote, urlencode

import msgspec

from comms_source.channels import CHANNELS, Channel
from comms_source.sandbox.blemishes import blemish
from comms_source.sandbox.clock import Clock
from comms_source.sandbox.faults import ROW_FAULTS, Fault, FaultBox
from comms_source.sandbox.instants import to_ms
from comms_source.sandbox.paging import Position, Selection, encode, position_of, select
from comms_source.sandbox.population import LivingPopulation, Population
from comms_source.sandbox.queries import BadParameter, parse_query
from comms_source.sandbox.samples import SamplePopulation
from comms_source.sandbox.settings import SandboxSettings

Ending = Literal["whole", "cut", "reset"]
MOST_LOGGED: Final = 100_000

_WORDS: Final = {
    400: (20001, "Bad request."),
    401: (20003, "Authentication failed."),
    403: (20403, "Forbidden."),
    404: (20404, "The resource was not found."),
    429: (20429, "Too many requests. Please retry according to the Retry-After response header."),
    500: (20500, "Internal server error."),
    503: (20503, "Service unavailable."),
}


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    path: str
    """Below the version, such as `/Messages/Operations`."""
    parameters: Sequence[tuple[str, str]] = ()
    authorization: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """What to answer, and how."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Ending = "whole"
    """Whether the answer arrives whole, is cut half-way, or the connection is reset instead."""
    delay: float = 0.0
    """How many seconds to wait before answering."""


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request as the log keeps it: page tokens as short digests, no credentials."""

    at: datetime
    channel: str
    endpoint: str
    parameters: Mapping[str, str]
    status: int


class SandboxModel:
    """Answers requests as the settings say. Safe for threads."""

    def __init__(self, settings: SandboxSettings, clock: Clock | None = None) -> None:
        """Make up the operations of every channel; nothing is stored."""
        self.settings = settings
        self.clock = clock or Clock()
        self.faults = FaultBox(settings.faults, seed=settings.seed)
        self.requests: deque[LoggedRequest] = deque(maxlen=MOST_LOGGED)
        self._populations = {name: self._populate(channel) for name, channel in CHANNELS.items()}
        self._asked = threading.Condition()
        self._turns = itertools.count(1)
        self._bucket = _Bucket(settings.rate_limit)

    def respond(self, request: Request) -> Response:
        """The answer to a request."""
        channel, operation_id = _route(request.path)
        if channel is None:
            return _error(404)
        endpoint = "list" if operation_id is None else "fetch"
        striking = self.faults.striking(channel=channel.name, endpoint=endpoint)
        response = self._answer(request, channel, operation_id, striking)
        self._log(request, channel.name, endpoint, response.status)
        headers = {"Date": format_datetime(self.clock.now(), usegmt=True), **response.headers}
        delay = response.delay + self.settings.latency.total_seconds()
        return replace(response, headers=headers, delay=delay)

    def wait_for_requests(self, count: int, *, timeout: float) -> bool:
        """Wait until `count` requests have come; False if they do not come in time (seconds)."""
        with self._asked:
            return self._asked.wait_for(lambda: len(self.requests) >= count, timeout)

    def truth(self, channel: str, now: datetime | None = None) -> list[dict[str, Any]]:
        """Every operation that lists may show at `now`, as the API would show it, oldest first."""
        at = to_ms(now or self.clock.now())
        shown = self._populations[channel]
        numbers = range(shown.first_from(shown.oldest_listed(at)), shown.first_from(at + 1))
        return [shown.show(number, at) for number in numbers if shown.listed(number, at)]

    def _populate(self, channel: Channel) -> Population:
        if self.settings.samples:
            return SamplePopulation(channel, self.settings.samples)
        return LivingPopulation(channel, self.settings)

    def _answer(
        self, request: Request, channel: Channel, operation_id: str | None, faults: Sequence[Fault]
    ) -> Response:
        refusal = self._refusal(request, channel)
        if refusal:
            return refusal
        for fault in faults:
            if fault.kind in STAND_INS:
                return STAND_INS[fault.kind](fault, request)
        response = self._read(request, channel, operation_id, faults)
        return _spoiled(response, faults)

    def _refusal(self, request: Request, channel: Channel) -> Response | None:
        user = _user(request.authorization, self.settings.credentials)
        if user is None:
            return _error(401)
        if channel.name in self.settings.forbidden.get(user, frozenset()):
            return _error(403)
        wait = self._bucket.take()
        return _error(429, headers={"Retry-After": str(math.ceil(wait))}) if wait else None

    def _read(
        self, request: Request, channel: Channel, operation_id: str | None, faults: Sequence[Fault]
    ) -> Response:
        if operation_id is not None:
            return self._fetch(channel, operation_id)
        try:
            return self._list(request, channel, faults)
        except BadParameter as refused:
            return _error(400, message=str(refused), context=f"$.{refused.name}")

    def _fetch(self, channel: Channel, operation_id: str) -> Response:
        population, now = self._populations[channel.name], to_ms(self.clock.now())
        number = population.find(operation_id)
        if number is None or not population.fetched(number, now):
            return _error(404)
        return _json(population.show(number, now))

    def _list(self, request: Request, channel: Channel, faults: Sequence[Fault]) -> Response:
        population, now = self._populations[channel.name], to_ms(self.clock.now())
        query = parse_query(request.parameters)
        position = position_of(query, channel=channel.name, settings=self.settings)
        page = select(position=position, population=population, settings=self.settings, now=now)
        rows = [population.show(number, now) for number in page.numbers]
        for fault in faults:
            if fault.kind in ROW_FAULTS:
                rows = blemish(rows, fault)
        following = self._following(page, faults)
        pagination = {
            "next": following and encode(following),
            "self": encode(page.here),
        }
        return _json({"operations": rows, "pagination": pagination})

    def _following(self, page: Selection, faults: Sequence[Fault]) -> Position | None:
        kinds = {fault.kind for fault in faults}
        if "repeat_token" in kinds:
            return page.here
        if "endless_pages" in kinds:
            return msgspec.structs.replace(page.here, turn=next(self._turns))
        return page.following

    def _log(self, request: Request, channel: str, endpoint: str, status: int) -> None:
        parameters = {name: _logged(name, value) for name, value in request.parameters}
        entry = LoggedRequest(self.clock.now(), channel, endpoint, parameters, status)
        with self._asked:
            self.requests.append(entry)
            self._asked.notify_all()


class _Bucket:
    """Lets so many requests through in a second of real time."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._size = max(rate or 0.0, 1.0)
        self._tokens = self._size
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> float:
        """0 if a request may pass, else in how many seconds the next one may."""
        if self._rate is None:
            return 0.0
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
            self._at = now
            if self._tokens < 1:
                return (1 - self._tokens) / self._rate
            self._tokens -= 1
            return 0.0


def _route(path: str) -> tuple[Channel | None, str | None]:
    parts = path.strip("/").split("/", 2)
    found = [channel for channel in CHANNELS.values() if parts[:2] == [channel.path, "Operations"]]
    return (found[0] if found else None), (unquote(parts[2]) if len(parts) > 2 else None)  # noqa: PLR2004


def _user(authorization: str, credentials: Mapping[str, str]) -> str | None:
    """The user whose name and password the header holds; None if they are wrong."""
    for user, password in credentials.items():
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        if authorization == f"Basic {token}":
            return user
    return None


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = msgspec.json.encode(content)
    return Response(status, body, {"Content-Type": "application/json", **(headers or {})})


def _error(
    status: int,
    *,
    message: str | None = None,
    context: str = "null",
    headers: Mapping[str, str] | None = None,
) -> Response:
    code, words = _WORDS[status]
    error = {
        "code": code,
        "message": message or words,
        "infoUrl": f"/docs/api/errors/{code}",
        "context": context,
    }
    return _json({"errors": [error]}, status, headers)


def _html(status: int) -> Response:
    page = b"<!doctype html><title>Proxy</title><p>Please log in to the network."
    return Response(status, page, {"Content-Type": "text/html; charset=utf-8"})


def _asked_to_wait(status: int) -> Callable[[Fault, Request], Response]:
    def answer(fault: Fault, _: Request) -> Response:
        told = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        return _error(status, headers=told)

    return answer


def _redirect(_: Fault, request: Request) -> Response:
    location = f"/elsewhere?{urlencode(list(request.parameters))}"
    return Response(302, b"", {"Location": location})


def _echo(_: Fault, request: Request) -> Response:
    token = dict(request.parameters).get("pageToken", "")
    return _error(400, message=f"Cannot read {token} of {request.authorization}.")


STAND_INS: Final[Mapping[str, Callable[[Fault, Request], Response]]] = MappingProxyType(
    {
        "too_many_requests": _asked_to_wait(429),
        "unavailable": _asked_to_wait(503),
        "internal_error": lambda *_: _error(500),
        "bad_gateway": lambda *_: _html(502),
        "bad_request": lambda *_: _error(400),
        "unauthorized": lambda *_: _error(401),
        "forbidden": lambda *_: _error(403),
        "not_found": lambda *_: _error(404),
        "hang": lambda fault, _: Response(200, delay=fault.seconds, ending="reset"),
        "reset": lambda *_: Response(200, ending="reset"),
        "html": lambda *_: _html(200),
        "no_envelope": lambda *_: _json({"status": "ok"}),
        "redirect": _redirect,
        "echo_secrets": _echo,
    }
)
"""What stands in for the whole answer, by the kind of fault."""


def _spoiled(response: Response, faults: Sequence[Fault]) -> Response:
    """The answer after faults that leave its content alone but not its way to the client."""
    for fault in faults:
        if fault.kind == "slow":
            response = replace(response, delay=response.delay + fault.seconds)
        elif fault.kind == "cut":
            response = replace(response, ending="cut")
        elif fault.kind == "cut_json":
            response = replace(response, body=response.body[: len(response.body) // 2])
    return response


def _logged(name: str, value: str) -> str:
    if name != "pageToken":
        return value
    return hashlib.sha256(value.encode()).hexdigest()[:8]
