"""Twenty thousand operations over eight days, and a run each half hour that reads details.

The planner, the run and its requests are the real ones, against a sandbox without a socket. A
database would take hours for so many loads, so rows are kept in dictionaries. How operations are
read is not part of it: each run knows them as they are.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from unittest import mock

import httpx
import pytest

from comms_source.channels import CHANNELS
from comms_source.config.credentials import BasicCredentials
from comms_source.config.settings import Settings
from comms_source.coverage.details import DetailsWork, Kind, KindRead, OperationState, plan_details
from comms_source.extract import details_run
from comms_source.extract.details_run import DetailsRun
from comms_source.extract.session import Session
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, SandboxModel, SandboxSettings
from comms_source.sandbox.answers import Request
from comms_source.sandbox.instants import to_ms
from comms_source.sandbox.population import GeneratedPopulation
from comms_source.tables.detail_tables import DETAILS, resource_table
from comms_source.timespans import parse_instant
from tests.simulation.growing_account import GrowingAccount
from tests.simulation.machines import SameThread
from tests.simulation.world import BEGINNING, CHANNEL, smaller

DAYS = 8
OPERATIONS = 20_000
INTERVAL = timedelta(minutes=30)
DAY = timedelta(days=1)
RETENTION = timedelta(days=7)
LARGEST = 4
"""How many resources an operation has at most."""
FAILING = 0.01
"""The share of requests that fail."""
RESOURCES = resource_table(CHANNELS[CHANNEL])


@dataclass(slots=True)
class Stored:
    """What the runs have stored."""

    reads: dict[tuple[str, str, Kind], KindRead] = field(default_factory=dict)
    since: dict[tuple[str, Kind], datetime] = field(default_factory=dict)
    resources: dict[str, dict[str, tuple[str, datetime]]] = field(default_factory=dict)
    """By operation and id, the status, and when it was read."""

    def take(self, rows: Mapping[str, list[dict[str, Any]]]) -> None:
        """Merge the rows of a run."""
        for row in rows.get(RESOURCES.name, ()):
            known = self.resources.setdefault(row["operation_id"], {})
            known[row["id"]] = (row["status"], row["synced_at"])
        for row in rows.get(DETAILS.name, ()):
            read = KindRead(row["outcome"], row["read_at"], row["read_version"])
            self.reads[CHANNEL, row["operation_id"], row["kind"]] = read
            first = self.since.get((CHANNEL, row["kind"]), row["created_at"])
            self.since[CHANNEL, row["kind"]] = min(first, row["created_at"])


class Account:
    """An account, and the runs that read its details."""

    def __init__(self) -> None:
        """Create its operations, each with a few resources."""
        self.clock = Clock(BEGINNING)
        settings = SandboxSettings(operations_per_week={CHANNEL: OPERATIONS * 7 // DAYS})
        self.model = SandboxModel(settings, self.clock)
        population = self.model._populations[CHANNEL]
        assert isinstance(population, GeneratedPopulation)
        self.population, planned = population, population.life
        pure = {
            "life": cache(lambda number: smaller(planned(number), LARGEST)),
            "created": cache(population.created),
        }
        for name, cached in pure.items():
            setattr(population, name, cached)
        resources: Any = self.model._resources[CHANNEL]
        resources._planned = cache(resources._plan)
        self.growing = GrowingAccount(
            self.population, since=BEGINNING, retention=settings.retention, interval=INTERVAL
        )
        self.stored = Stored()
        self.failed = 0
        self.states: Mapping[int, OperationState] = {}
        self._chance = random.Random(1)

    def run(self, now: datetime) -> DetailsRun:
        """Read at `now` what is due; no time passes meanwhile."""
        self.clock.set(now)
        session = Session(
            settings=Settings(
                credentials=BasicCredentials(ACCOUNT_ID, AUTH_TOKEN),
                base_url="http://localhost/v1",
                channels=(CHANNEL,),
                concurrency=1,
                details=("resources",),
                details_requests=2000,
            ),
            clock=self.clock.now,
            transport=httpx.MockTransport(self._carry),
        )
        self.states = self.growing.at(now)
        plan = plan_details(
            self.states.values(),
            self.stored.reads,
            now=now,
            policy=session.settings.details_policy,
            since=self.stored.since,
        )
        assert not plan.waiting
        run = DetailsRun(work=DetailsWork(plan, {}), session=session, on_error="continue")
        rows: dict[str, list[dict[str, Any]]] = {}
        with mock.patch.object(details_run, "ThreadPoolExecutor", SameThread):
            for piece in run.scan():
                rows.setdefault(piece.spec.name, []).extend(piece.rows.to_pylist())
        self.stored.take(rows)
        return run

    def _carry(self, request: httpx.Request) -> httpx.Response:
        if self._chance.random() < FAILING:
            self.failed += 1
            return httpx.Response(200, text="<html>simulated</html>")
        answer = self.model.respond(
            Request(
                request.url.path.removeprefix("/v1"),
                request.url.params.multi_items(),
                request.headers["authorization"],
            )
        )
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)


@pytest.mark.slow
def test_every_resource_that_a_read_could_see_is_there_with_its_last_state(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where requests fail; and those in each status are as many as the operation counts."""
    caplog.set_level(logging.CRITICAL, "comms_source")
    account = Account()
    ended = BEGINNING
    for turn in range(DAYS * (DAY // INTERVAL) + 1):
        ended = BEGINNING + turn * INTERVAL
        account.run(ended)

    resources, last_looks = 0, 0
    for number in range(*map(account.population.first_from, (to_ms(BEGINNING), to_ms(ended)))):
        operation_id = account.population.id_of(number)
        created = parse_instant(account.population.show(number, to_ms(ended))["createdAt"])
        read = account.stored.reads.get((CHANNEL, operation_id, "resources"))
        if read is None or read.read_at is None:
            assert created > ended - 2 * INTERVAL  # The first request for it failed.
            continue
        stored = {
            each: status
            for each, (status, at) in account.stored.resources.get(operation_id, {}).items()
            if at == read.read_at
        }
        shown = account.model.resource_truth(CHANNEL, operation_id, now=read.read_at)
        assert stored == {row["id"]: row["status"] for row in shown}
        stats = account.population.show(number, to_ms(read.read_at))["stats"]
        counts = Counter(stored.values())
        counted = {"scheduled", "queued", "sent", "delivered", "read", "undelivered", "failed"}
        assert all(counts[name.upper()] == stats[name] for name in counted)
        resources += len(stored)
        last_looks += _is_last_look(account.states.get(number), read, created, ended)

    assert resources > OPERATIONS
    assert account.failed > OPERATIONS / 50
    assert last_looks > OPERATIONS / 10


def _is_last_look(
    known: OperationState | None, read: KindRead, created: datetime, ended: datetime
) -> bool:
    """Whether an operation's last day has come; then it was read in the state that it has."""
    if known is None or not timedelta(days=6) + 2 * INTERVAL <= ended - created < RETENTION:
        return False
    assert read.outcome == "empty" or read.version == known.version
    return True
