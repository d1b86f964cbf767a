"""A simulated API with its own clock, and a transport to it that fails at times.

Nothing really waits: requests take a random time of the simulated clock, and waits advance it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

import httpx

from comms_source.channels import CHANNELS
from comms_source.config.credentials import BasicCredentials
from comms_source.config.settings import Settings
from comms_source.extract.details_run import PACKAGE_ROWS
from comms_source.extract.session import Session
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, SandboxModel, SandboxSettings
from comms_source.sandbox.answers import Request
from comms_source.sandbox.faults import Fault
from comms_source.sandbox.instants import to_ms
from comms_source.sandbox.lifecycles import Lifecycle

BEGINNING = datetime(2026, 3, 2, 7, 41, 13, tzinfo=UTC)
CHANNEL = "messages"
OK = 200

WIDTHS = tuple(timedelta(minutes=minutes) for minutes in (45, 60, 90, 240, 360, 1440))


class Crash(Exception):
    """The process dies at this point."""


@dataclass(slots=True)
class Weather:
    """Which requests fail at present."""

    outage: bool = False
    failing: float = 0.0
    """The share of requests that fail without a retry, and so end their scans."""
    busy: float = 0.0
    """The share of requests that are answered with 429."""
    crash_after: int | None = None
    """After how many requests the process dies."""
    dateless: bool = False
    """Whether a proxy removes the API's time from responses."""
    seconds: float = 2.0
    """The average duration of a request."""
    ahead: timedelta = timedelta(0)
    """By how much the machine's clock is ahead of the API's."""
    faults: tuple[Fault, ...] = ()
    """What is wrong with the responses about details."""


@dataclass(slots=True)
class Habits:
    """How the account of a seed and its operator behave."""

    volume: int
    interval: tuple[float, float]
    """Hours between two runs, at least and at most."""
    days: float
    grid: int
    """Operations are created at multiples of this many milliseconds, so that some are at bounds."""
    settings: dict[str, object] = field(default_factory=dict)
    sandbox: dict[str, object] = field(default_factory=dict)
    trouble: float = 0.3
    """The share of runs with failures."""
    begins: timedelta = timedelta(0)
    """How long after `BEGINNING` the first run begins."""
    widths: tuple[timedelta, ...] = ()
    """The values between which the setting `window` changes; if empty, it never does."""
    restores: bool = False
    """Whether the warehouse is sometimes restored from a backup."""
    largest: int | None = None
    """How many resources an operation has at most; None for as many as the sandbox gives it."""
    package: int = PACKAGE_ROWS
    """After the details of how many operations a run commits."""

    @property
    def details(self) -> bool:
        """Whether runs read details."""
        return bool(self.settings.get("details"))


def habits(chance: random.Random) -> Habits:
    """The habits of a seed."""
    shortest, longest = sorted(chance.uniform(2, 30) for _ in range(2))
    interval = (shortest, max(10.0, longest))
    return Habits(
        volume=chance.choice([0, 15, 40, 80, 120]),
        interval=interval,
        days=chance.uniform(8.0, 12.0),
        grid=chance.choice([1000, 60_000, 600_000, 3_600_000]),
        settings={
            "page_size": chance.choice([5, 12, 40, 100]),
            "window": timedelta(hours=chance.choice([1, 4, 6, 12])),
            "refresh_ratio": chance.choice([0.05, 0.1, 0.1, 0.3]),
            "commit_pages": chance.choice([1, 3, 10, 100]),
        },
        sandbox={
            "start_bound": chance.choice(["inclusive", "exclusive"]),
            "end_bound": chance.choice(["inclusive", "exclusive"]),
            "order": chance.choice(["ascending", "descending"]),
            "short_pages": chance.random() < 0.3,
            "empty_pages": chance.random() < 0.1,
            "visibility_lag": timedelta(seconds=chance.choice([0, 30, 60])),
            "past_retention": chance.choice(["omit", "partial"]),
            "fetch_retention": chance.choice([None, timedelta(days=14)]),
        },
        trouble=chance.choice([0.0, 0.2, 0.5]),
        begins=timedelta(seconds=chance.randrange(3600)),
        widths=chance.choice([(), (), WIDTHS]),
        restores=chance.random() < 0.3,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for details."""

    at: datetime
    """By the API's clock, when the response was sent."""
    path: str
    parameters: Mapping[str, str]
    answered: bool
    repeats: bool
    """Whether it is the request before it, sent again."""


class World:
    """The API of one account, with its own clock."""

    def __init__(self, seed: int, chance: random.Random, manners: Habits) -> None:
        """Create the world of `seed`."""
        self.chance = chance
        self.habits = manners
        self.weather = Weather()
        self.clock = Clock(BEGINNING + manners.begins)
        settings = SandboxSettings(
            seed=seed,
            operations_per_week={CHANNEL: manners.volume},
            **manners.sandbox,  # type: ignore[arg-type]
        )
        self.model = SandboxModel(settings, self.clock)
        self.population = self.model._populations[CHANNEL]
        self.population._precision = manners.grid  # type: ignore[attr-defined]
        if manners.largest is not None:
            planned = self.population.life  # type: ignore[attr-defined]
            most = manners.largest
            self.population.life = lambda number: smaller(planned(number), most)  # type: ignore[attr-defined]
        for pure in ("created", "life", "id_of", "key_of"):
            setattr(self.population, pure, cache(getattr(self.population, pure)))
        self.requests = 0
        self.asked: list[Asked] = []
        """All requests for details, in their order."""
        self._until_crash: int | None = None

    def session(self, **changes: object) -> Session:
        """The session of a run; its waits and requests advance this world's clock."""
        self._until_crash, ahead = self.weather.crash_after, self.weather.ahead
        self.model.faults.replace(self.weather.faults)
        settings = Settings(
            credentials=BasicCredentials(ACCOUNT_ID, AUTH_TOKEN),
            base_url="http://localhost/v1",
            channels=(CHANNEL,),
            concurrency=1,
            attempts=2,
            **{**self.habits.settings, **changes},  # type: ignore[arg-type]
        )
        return Session(
            settings=settings,
            clock=lambda: self.clock.now() + ahead,
            transport=httpx.MockTransport(self._carry),
            ticks=lambda: self.clock.now().timestamp(),
            sleep=lambda seconds: self.clock.advance(timedelta(seconds=seconds)),
        )

    def _carry(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        self._maybe_die()
        if f"/{CHANNELS[CHANNEL].path}/Operations" in request.url.path and not (
            request.url.path.endswith("/Errors")
        ):
            return self._answer(request)
        asked = Asked(
            at=self.clock.now(),
            path=request.url.path,
            parameters=dict(request.url.params),
            answered=False,
            repeats=False,
        )
        last = self.asked[-1] if self.asked else None
        repeats = last is not None and (last.path, last.parameters) == (
            asked.path,
            asked.parameters,
        )
        self.asked.append(replace(asked, repeats=repeats))
        response = self._answer(request)
        is_answer = response.status_code == OK and "html" not in response.headers["content-type"]
        self.asked[-1] = replace(self.asked[-1], at=self.clock.now(), answered=is_answer)
        return response

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.clock.advance(timedelta(seconds=self.chance.expovariate(1 / self.weather.seconds)))
        if self.weather.outage:
            raise httpx.ConnectError("simulated")
        roll = self.chance.random()
        if roll < self.weather.failing:
            return httpx.Response(200, text="<html>simulated</html>")
        if roll < self.weather.failing + self.weather.busy:
            return httpx.Response(429, headers={"Retry-After": "7"})
        answer = self.model.respond(
            Request(
                request.url.path.removeprefix("/v1"),
                request.url.params.multi_items(),
                request.headers["authorization"],
            )
        )
        headers = {
            name: value
            for name, value in dict(answer.headers).items()
            if not (self.weather.dateless and name.lower() == "date")
        }
        return httpx.Response(answer.status, headers=headers, content=answer.body)

    def _maybe_die(self) -> None:
        if self._until_crash is not None:
            self._until_crash -= 1
            if self._until_crash < 0:
                raise Crash


@dataclass(frozen=True, slots=True)
class Sent:
    """One true operation."""

    number: int
    id: str
    created: datetime
    visible: datetime


def smaller(life: Lifecycle, most: int) -> Lifecycle:
    """The same lifecycle with at most so many resources; of many, more have failed than usual."""
    if life.total <= most:
        return life
    unaddressable = life.unaddressable * most // life.total
    failed = min(life.failed, (most - unaddressable) // 5)
    undelivered = min(life.undelivered, (most - unaddressable) // 5)
    delivered = min(life.delivered, most - unaddressable - failed - undelivered)
    return replace(
        life,
        total=most,
        recipients=most,
        unaddressable=unaddressable,
        failed=failed,
        undelivered=undelivered,
        delivered=delivered,
        read=min(life.read, delivered),
    )


def everything(world: World, *, until: datetime) -> list[Sent]:
    """All operations from before the beginning up to `until`, oldest first."""
    population = world.population
    first = population.first_from(to_ms(BEGINNING - timedelta(days=9)))
    last = population.first_from(to_ms(until))
    return [_sent(world, number) for number in range(first, last)]


def _sent(world: World, number: int) -> Sent:
    population = world.population
    ms = population.created(number)
    created = datetime.fromtimestamp(ms / 1000, UTC)
    low, high = ms, ms + 60_000
    while low < high:
        middle = (low + high) // 2
        seen = population.listed(number, middle) if middle >= ms else False
        low, high = (low, middle) if seen else (middle + 1, high)
    return Sent(number, population.id_of(number), created, datetime.fromtimestamp(low / 1000, UTC))  # type: ignore[attr-defined]
