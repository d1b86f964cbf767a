"""The sandbox without a socket: a function from requests to responses.

The HTTP server is in `app`; a simulation does not need it.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from comms_source.channels import CHANNELS, Channel
from comms_source.sandbox.access_tokens import AccessTokens
from comms_source.sandbox.answers import (
    Request,
    Response,
    classic_error,
    error_answer,
    json_answer,
)
from comms_source.sandbox.clock import Clock
from comms_source.sandbox.faults import ActiveFaults, Fault
from comms_source.sandbox.instants import to_ms
from comms_source.sandbox.paging import check_range, encode, position_of, select
from comms_source.sandbox.population import GeneratedPopulation, Population, SamplePopulation
from comms_source.sandbox.queries import BadParameter, parse_query
from comms_source.sandbox.rate_limit import TokenBucket
from comms_source.sandbox.rendered import RenderedPopulation
from comms_source.sandbox.response_faults import REPLACEMENTS, TRANSPORT_FAULTS
from comms_source.sandbox.row_faults import ROW_FAULTS, apply_row_fault
from comms_source.sandbox.settings import SandboxSettings

MAX_LOGGED: Final = 100_000
_SHOWN: Final = frozenset({"grant_type", "client_id"})
"""What is logged of a request for a token."""


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A logged request, with page tokens as short digests and without credentials."""

    at: datetime
    channel: str
    """Empty for a request for an access token."""
    endpoint: str
    parameters: Mapping[str, str]
    status: int


class SandboxModel:
    """Responds to requests according to the settings. Thread-safe."""

    def __init__(self, settings: SandboxSettings, clock: Clock | None = None) -> None:
        """Generate the operations of every channel; nothing is stored."""
        self.settings = settings
        self.clock = clock or Clock()
        self.faults = ActiveFaults(settings.faults, seed=settings.seed)
        self.requests: deque[LoggedRequest] = deque(maxlen=MAX_LOGGED)
        self._populations = {name: self._populate(channel) for name, channel in CHANNELS.items()}
        self._arrival = threading.Condition()
        self._turns = itertools.count(1)
        self._bucket = TokenBucket(settings.rate_limit)
        self._access_tokens = AccessTokens(seed=settings.seed, lifetime=settings.token_lifetime)

    def respond(self, request: Request) -> Response:
        """The response to a request."""
        channel, operation_id = _route(request.path)
        if channel is None:
            return error_answer(404)
        endpoint = "list" if operation_id is None else "fetch"
        matching = self.faults.matching(channel=channel.name, endpoint=endpoint)
        response = self._refusal(request, channel) or self._answer(
            request, channel, operation_id, matching
        )
        self._log(request, channel.name, endpoint, response.status)
        return self._completed(response)

    def issue_token(self, request: Request) -> Response:
        """The response to a request for an access token; its form is in the parameters."""
        faults = self.faults.matching(channel=None, endpoint="token")
        response = _replacement(request, faults) or _transported(
            self._issued(dict(request.parameters)), faults
        )
        shown = [(name, value) for name, value in request.parameters if name in _SHOWN]
        self._log(replace(request, parameters=shown), "", "token", response.status)
        return self._completed(response)

    def revoke_tokens(self) -> None:
        """Accept none of the access tokens that were issued so far."""
        self._access_tokens.revoke()

    def wait_for_requests(self, count: int, *, timeout: float) -> bool:
        """Wait until `count` requests have arrived; False after `timeout` seconds."""
        with self._arrival:
            return self._arrival.wait_for(lambda: len(self.requests) >= count, timeout)

    def truth(self, channel: str, now: datetime | None = None) -> list[dict[str, Any]]:
        """All operations that lists may show at `now`, as the API returns them, oldest first."""
        at = to_ms(now or self.clock.now())
        shown = self._populations[channel]
        numbers = range(shown.first_from(shown.oldest_listed(at)), shown.first_from(at + 1))
        return [shown.show(number, at) for number in numbers if shown.listed(number, at)]

    def _populate(self, channel: Channel) -> Population:
        if self.settings.samples:
            return SamplePopulation(channel, self.settings.samples)
        if self.settings.rendered:
            return RenderedPopulation(channel, self.settings, to_ms(self.clock.now()))
        return GeneratedPopulation(channel, self.settings)

    def _answer(
        self, request: Request, channel: Channel, operation_id: str | None, faults: Sequence[Fault]
    ) -> Response:
        if replacement := _replacement(request, faults):
            return replacement
        try:
            if operation_id is not None:
                response = self._fetch(channel, operation_id)
            else:
                response = self._list(request, channel, faults)
        except BadParameter as refused:
            context = f"$.{refused.name}"
            response = error_answer(400, message=str(refused), code=refused.code, context=context)
        return _transported(response, faults)

    def _completed(self, response: Response) -> Response:
        headers = {"Date": format_datetime(self.clock.now(), usegmt=True), **response.headers}
        delay = response.delay + self.settings.latency.total_seconds()
        return replace(response, headers=headers, delay=delay)

    def _issued(self, form: Mapping[str, str]) -> Response:
        if form.get("grant_type") != "client_credentials":
            return classic_error(400, message="grant_type must be client_credentials.")
        client = form.get("client_id", "")
        if self.settings.oauth_clients.get(client) != form.get("client_secret", ""):
            return classic_error(401, message="Invalid client.")
        token = self._access_tokens.issue(client, now=self.clock.now())
        return json_answer(
            {
                "access_token": token,
                "id_token": None,
                "token_type": "Bearer",
                "expires_in": int(self.settings.token_lifetime.total_seconds()),
                "refresh_token": None,
            }
        )

    def _refusal(self, request: Request, channel: Channel) -> Response | None:
        scheme, _, credentials = request.authorization.partition(" ")
        if scheme == "Bearer":
            user = self._access_tokens.client_of(credentials, now=self.clock.now())
        else:
            user = _user(request.authorization, self.settings.credentials)
        if user is None:
            return classic_error(401) if scheme == "Bearer" else error_answer(401)
        if channel.name in self.settings.forbidden.get(user, frozenset()):
            return error_answer(403)
        wait = self._bucket.take()
        return error_answer(429, headers={"Retry-After": str(math.ceil(wait))}) if wait else None

    def _fetch(self, channel: Channel, operation_id: str) -> Response:
        population, now = self._populations[channel.name], to_ms(self.clock.now())
        number = population.find(operation_id)
        if number is None or not population.fetched(number, now):
            return error_answer(404)
        return json_answer(population.show(number, now))

    def _list(self, request: Request, channel: Channel, faults: Sequence[Fault]) -> Response:
        population, now = self._populations[channel.name], to_ms(self.clock.now())
        first, token = parse_query(request.parameters, channel=channel.name)
        kinds = {fault.kind for fault in faults}
        if "ignored_dates" in kinds:
            first = msgspec.structs.replace(first, start=None, end=None)
        position = position_of(first, token, settings=self.settings)
        check_range(position, settings=self.settings, now=now)
        numbers, following = select(
            position=position, population=population, settings=self.settings, now=now
        )
        row_faults = [fault for fault in faults if fault.kind in ROW_FAULTS]
        shown = population.show if row_faults else population.answer
        rows = [shown(number, now) for number in numbers]
        for fault in row_faults:
            rows = apply_row_fault(rows, fault)
        if "repeat_token" in kinds:
            following = position
        elif "endless_pages" in kinds:
            following = msgspec.structs.replace(position, turn=next(self._turns))
        pagination = {"next": following and encode(following), "self": encode(position)}
        return json_answer({"operations": rows, "pagination": pagination})

    def _log(self, request: Request, channel: str, endpoint: str, status: int) -> None:
        parameters = dict(request.parameters)
        if "pageToken" in parameters:
            token = parameters["pageToken"].encode()
            parameters["pageToken"] = hashlib.sha256(token).hexdigest()[:8]
        entry = LoggedRequest(self.clock.now(), channel, endpoint, parameters, status)
        with self._arrival:
            self.requests.append(entry)
            self._arrival.notify_all()


def _replacement(request: Request, faults: Sequence[Fault]) -> Response | None:
    """What the first fault that replaces the whole response makes of it; None without one."""
    for fault in faults:
        if fault.kind in REPLACEMENTS:
            return REPLACEMENTS[fault.kind](fault, request)
    return None


def _transported(response: Response, faults: Sequence[Fault]) -> Response:
    for fault in faults:
        if fault.kind in TRANSPORT_FAULTS:
            response = TRANSPORT_FAULTS[fault.kind](fault, response)
    return response


def _route(path: str) -> tuple[Channel | None, str | None]:
    parts = path.strip("/").split("/", 2)
    found = [channel for channel in CHANNELS.values() if parts[:2] == [channel.path, "Operations"]]
    return (found[0] if found else None), (unquote(parts[2]) if len(parts) > 2 else None)  # noqa: PLR2004


def _user(authorization: str, credentials: Mapping[str, str]) -> str | None:
    """The user whose name and password are in the header; None if they are wrong."""
    for user, password in credentials.items():
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        if authorization == f"Basic {token}":
            return user
    return None
