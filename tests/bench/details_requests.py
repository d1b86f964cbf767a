"""How many requests for details an account needs, by the planner and the sandbox's lifecycles.

`python -m tests.bench.details_requests [OPERATIONS_A_WEEK ...]` prints a table. There is no HTTP:
each run knows all operations as they are then, and has read what was planned. Of a large account a
part is planned, with the same part of the budget; its figures are multiplied.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from comms_source.channels import CHANNELS
from comms_source.coverage.details import (
    KINDS,
    DetailsPlan,
    DetailsPolicy,
    DueDetails,
    Kind,
    KindRead,
    OperationState,
    plan_details,
)
from comms_source.sandbox import SandboxSettings
from comms_source.sandbox.population import GeneratedPopulation
from tests.simulation.growing_account import GrowingAccount
from tests.simulation.world import CHANNEL

SIZES = (40, 10_000, 100_000)
LARGEST = 25_000
"""Of an account with more operations a week than this, a part is planned."""
BUDGETS = (1000, 100)
CHOICES: Sequence[Sequence[Kind]] = (*((kind,) for kind in KINDS), KINDS)
BEGINNING = datetime(2026, 3, 2, tzinfo=UTC)
RETENTION = timedelta(days=7)
INTERVAL = timedelta(minutes=30)
DAYS, MEASURED = 10, 2
"""How long the runs last, and of how many days at the end the figures are."""
DAY = timedelta(days=1)

Reads = dict[tuple[str, str, Kind], KindRead]


@dataclass(slots=True)
class Account:
    """What is known of an account's details, and what its runs have requested."""

    policy: DetailsPolicy
    reads: Reads = field(default_factory=dict)
    since: dict[tuple[str, Kind], datetime] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    """Of how many messages of an operation the attempts were read."""
    planned: list[int] = field(default_factory=list)
    """Requests, by run."""
    sent: list[int] = field(default_factory=list)
    """The same without messages whose attempts were read before."""
    expired: list[int] = field(default_factory=list)
    waiting: int = 0

    def run(self, operations: Mapping[int, OperationState], now: datetime) -> None:
        """Plan a run, and note all that is due as read."""
        plan = plan_details(
            operations.values(), self.reads, now=now, policy=self.policy, since=self.since
        )
        self.sent.append(sum(due.requests - self._spared(due) for due in plan.due))
        self.planned.append(plan.requests)
        self.waiting = len(plan.waiting)
        self.expired.append(len({operation.id for operation, _ in plan.expired}))
        self._note(plan, now)

    def _spared(self, due: DueDetails) -> int:
        if "errors" not in due.kinds:
            return 0
        most = min(due.operation.not_delivered, self.policy.errors_per_operation)
        spared = self.asked.get(due.operation.id, 0)
        self.asked[due.operation.id] = most
        return spared

    def _note(self, plan: DetailsPlan, now: datetime) -> None:
        for due in plan.due:
            operation = due.operation
            for kind in due.kinds:
                read = KindRead("read", now, due.version_of(kind))
                self.reads[operation.channel, operation.id, kind] = read
                key = (operation.channel, kind)
                first = self.since.get(key, operation.created_at)
                self.since[key] = min(first, operation.created_at)
        for operation, kind in plan.expired:
            self.reads[operation.channel, operation.id, kind] = KindRead("expired", None, None)


def simulate(volume: int, accounts: Sequence[Account]) -> None:
    """Run each half hour for `DAYS`, from a first run that finds a week of operations."""
    settings = SandboxSettings(operations_per_week={CHANNEL: volume})
    population = GeneratedPopulation(CHANNELS[CHANNEL], settings)
    growing = GrowingAccount(
        population, since=BEGINNING - RETENTION, retention=RETENTION, interval=INTERVAL
    )
    for turn in range(DAYS * (DAY // INTERVAL)):
        now = BEGINNING + turn * INTERVAL
        operations = growing.at(now)
        for account in accounts:
            account.run(operations, now)


def accounts_of(part: float) -> list[Account]:
    """One account for each choice of kinds and budget, of which that part is planned."""
    policy = DetailsPolicy(
        kinds=(),
        requests=0,
        errors_per_operation=20,
        page_size=1000,
        retention=RETENTION,
    )
    return [
        Account(replace(policy, kinds=kinds, requests=int(budget * part)))
        for budget in BUDGETS
        for kinds in CHOICES
    ]


def table(sizes: Sequence[int]) -> Iterator[str]:
    """The lines of the table, in Markdown."""
    yield (
        "| operations a week | kinds | budget | planned a run | most | sent a run | sent a day "
        "| waiting | expired a day |"
    )
    yield "| --: | --- | --: | --: | --: | --: | --: | --: | --: |"
    for size in sizes:
        part = min(1.0, LARGEST / size)
        accounts = accounts_of(part)
        simulate(int(size * part), accounts)
        for account in accounts:
            yield _line(account, size=size, part=part)


def _line(account: Account, *, size: int, part: float) -> str:
    runs = MEASURED * (DAY // INTERVAL)
    planned, sent, expired = account.planned[-runs:], account.sent[-runs:], account.expired[-runs:]
    figures = (
        sum(planned) / runs,
        max(planned),
        sum(sent) / runs,
        sum(sent) / MEASURED,
        account.waiting,
        sum(expired) / MEASURED,
    )
    cells = [f"{figure / part:,.0f}" for figure in figures]
    cells[0], cells[2] = (f"{figures[at] / part:,.1f}" for at in (0, 2))
    kinds, budget = " ".join(account.policy.kinds), account.policy.requests / part
    return f"| {size:,} | {kinds} | {budget:,.0f} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table for the sizes on the command line."""
    for line in table([int(size) for size in sys.argv[1:]] or SIZES):
        print(line, flush=True)  # noqa: T201 - a script


if __name__ == "__main__":
    main()
