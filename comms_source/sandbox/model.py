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
from comms_source.sandbox.paging import check_range, cut, encode, position_of, select
from comms_source.sandbox.population import GeneratedPopulation, Population, SamplePopulation
from comms_source.sandbox.queries import BadParameter, Position, parse_query
from comms_source.sandbox.rate_limit import TokenBucket
from comms_source.sandbox.receipts import receipts_of
from comms_source.sandbox.rendered import RenderedPopulation
from comms_source.sandbox.resource_population import ResourcePopulation
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


@dataclass(frozen=True, slots=True)
class _Route:
    """Which endpoint of which channel a path leads to."""

    channel: Channel
    endpoint: str
    """One of `faults.ENDPOINTS`."""
    id: str = ""
    """The id in the path."""


class SandboxModel:
    """Responds to requests according to the settings. Thread-safe."""

    def __init__(self, settings: SandboxSettings, clock: Clock | None = None) -> None:
        """Generate the operations of every channel; nothing is stored."""
        self.settings = settings
        self.clock = clock or Clock()
        self.faults = ActiveFaults(settings.faults, seed=settings.seed)
        self.requests: deque[LoggedRequest] = deque(maxlen=MAX_LOGGED)
        self._populations = {name: self._populate(channel) for name, channel in CHANNELS.items()}
        self._resources = {
            name: ResourcePopulation(channel, self._with_resources(channel), settings)
            for name, channel in CHANNELS.items()
        }
        self._arrival = threading.Condition()
        self._turns = itertools.count(1)
        self._bucket = TokenBucket(settings.rate_limit)
        self._access_tokens = AccessTokens(seed=settings.seed, lifetime=settings.token_lifetime)

    def respond(self, request: Request) -> Response:
        """The response to a request."""
        route = _route(request.path)
        if route is None:
            return error_answer(404)
        channel, endpoint = route.channel, route.endpoint
        matching = self.faults.matching(channel=channel.name, endpoint=endpoint)
        response = self._refusal(request, channel) or self._answer(request, route, matching)
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

    def resource_truth(
        self, channel: str, operation_id: str | None, now: datetime | None = None
    ) -> list[dict[str, Any]]:
        """All resources that lists may show at `now`, as the API returns them, oldest first.

        Args:
            channel: The name of the channel.
            operation_id: Their operation; None for the resources of all operations.
            now: The time; None for the sandbox's time.
        """
        at, resources = to_ms(now or self.clock.now()), self._resources[channel]
        return [resources.show(number, at) for number in resources.numbers(operation_id, at)]

    def truth_of_errors(
        self, channel: str, operation_id: str, now: datetime | None = None
    ) -> list[dict[str, Any]]:
        """The errors of an operation at `now`, the most frequent first; none if it is not found."""
        return self._resources[channel].errors(operation_id, to_ms(now or self.clock.now())) or []

    def _populate(self, channel: Channel) -> Population:
        if self.settings.samples:
            return SamplePopulation(channel, self.settings.samples)
        if self.settings.rendered:
            return RenderedPopulation(channel, self.settings, to_ms(self.clock.now()))
        return GeneratedPopulation(channel, self.settings)

    def _with_resources(self, channel: Channel) -> GeneratedPopulation:
        """The operations that have resources; those of samples have none."""
        shown = self._populations[channel.name]
        if isinstance(shown, GeneratedPopulation):
            return shown
        return GeneratedPopulation(channel, replace(self.settings, operations_per_week=0))

    def _answer(self, request: Request, route: _Route, faults: Sequence[Fault]) -> Response:
        if replacement := _replacement(request, faults):
            return replacement
        try:
            if route.endpoint in {"list", "resources"}:
                response = self._list(request, route, faults)
            elif route.endpoint == "errors":
                response = self._errors(request, route, faults)
            elif route.endpoint == "receipts":
                response = self._receipts(route, faults)
            else:
                response = self._fetch(route)
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

    def _fetch(self, route: _Route) -> Response:
        name, now = route.channel.name, to_ms(self.clock.now())
        if route.endpoint == "resource":
            found = self._resources[name].fetch(route.id, now)
            return error_answer(404) if found is None else json_answer(found)
        population = self._populations[name]
        number = population.find(route.id)
        if number is None or not population.fetched(number, now):
            return error_answer(404)
        return json_answer(population.show(number, now))

    def _list(self, request: Request, route: _Route, faults: Sequence[Fault]) -> Response:
        name, now = route.channel.name, to_ms(self.clock.now())
        population, resources = self._populations[name], self._resources[name]
        first, token = parse_query(request.parameters, channel=name, endpoint=route.endpoint)
        kinds = {fault.kind for fault in faults}
        if "ignored_dates" in kinds:
            first = msgspec.structs.replace(first, start=None, end=None)
        if "ignored_filter" in kinds:
            first = msgspec.structs.replace(first, operation_id=None)
        position = position_of(first, token, settings=self.settings)
        check_range(position, settings=self.settings, now=now)
        shown: Population | ResourcePopulation
        if route.endpoint == "resources":
            key = self.settings.push_envelope if name == "push_notifications" else name
            shown = resources
            numbers, following = resources.select(position, now)
        else:
            key = "operations"
            shown = population
            numbers, following = select(
                position=position, population=population, settings=self.settings, now=now
            )
        as_row = shown.show if kinds & ROW_FAULTS.keys() else shown.answer
        rows = [as_row(number, now) for number in numbers]
        return self._page(key, rows, position, following, faults)

    def _errors(self, request: Request, route: _Route, faults: Sequence[Fault]) -> Response:
        name, now = route.channel.name, to_ms(self.clock.now())
        is_there = self.settings.errors_endpoint
        rows = self._resources[name].errors(route.id, now) if is_there else None
        if rows is None:
            return error_answer(404)
        first, token = parse_query(request.parameters, channel=name, endpoint="errors")
        first = msgspec.structs.replace(first, operation_id=route.id)
        position = position_of(first, token, settings=self.settings)
        places = range(position.next_number or 0, len(rows))
        chosen, following = cut(position, places, lambda _: True, self.settings)
        return self._page("errors", [rows[place] for place in chosen], position, following, faults)

    def _receipts(self, route: _Route, faults: Sequence[Fault]) -> Response:
        is_there, now = self.settings.receipts_endpoint, to_ms(self.clock.now())
        resource = self._resources[route.channel.name].fetch(route.id, now) if is_there else None
        if resource is None or len(resource["to"]) < 2:  # noqa: PLR2004
            return error_answer(404)
        rows = receipts_of(resource, now)
        for fault in faults:
            if fault.kind in ROW_FAULTS:
                rows = apply_row_fault(rows, fault)
        return json_answer({"receipts": rows, "pagination": {"next": None, "self": None}})

    def _page(
        self,
        key: str,
        rows: list[Any],
        position: Position,
        following: Position | None,
        faults: Sequence[Fault],
    ) -> Response:
        """The page with these rows, below `key`, once its faults are applied."""
        for fault in faults:
            if fault.kind in ROW_FAULTS:
                rows = apply_row_fault(rows, fault)
        kinds = {fault.kind for fault in faults}
        if "repeat_token" in kinds:
            following = position
        elif "endless_pages" in kinds:
            following = msgspec.structs.replace(position, turn=next(self._turns))
        pagination = {"next": following and encode(following), "self": encode(position)}
        return json_answer({key: rows, "pagination": pagination})

    def _log(self, request: Request, channel: str, endpoint: str, status: int) -> None:
        parameters = dict(request.parameters)
        if "pageToken" in parameters:
            token = parameters["pageToken"].encode()
            parameters["pageToken"] = hashlib.sha256(token).hexdigest()[:8]
        entry = LoggedRequest(self.clock.now(), channel, endpoint, parameters, status)
        with self._arrival:
            self.requests.append(entry)
            self._arrival.notify_all()


def _route(path: str) -> _Route | None:
    """The route of a path below the version; None if it is of no channel.

    A server decodes the path, so an id may contain slashes.
    """
    name, _, below = path.strip("/").partition("/")
    channel = next((each for each in CHANNELS.values() if each.path == name), None)
    if channel is None:
        return None
    if below in {"", "Operations"}:
        return _Route(channel, "list" if below else "resources")
    operation_id = below.removeprefix("Operations/")
    owner, _, last = below.rpartition("/")
    if operation_id == below and last == "Receipts":
        return _Route(channel, "receipts", unquote(owner))
    if operation_id == below:
        return _Route(channel, "resource", unquote(below))
    owner, _, last = operation_id.partition("/")
    if last == "Errors":
        return _Route(channel, "errors", unquote(owner))
    return _Route(channel, "fetch", unquote(operation_id))


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


def _user(authorization: str, credentials: Mapping[str, str]) -> str | None:
    """The user whose name and password are in the header; None if they are wrong."""
    for user, password in credentials.items():
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        if authorization == f"Basic {token}":
            return user
    return None
