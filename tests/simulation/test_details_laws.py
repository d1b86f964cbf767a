"""The laws of details, in simulated weeks with all kinds of failures, and mistakes that break them.

`play` replays a seed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from comms_source.api.details import DetailsApi, RequestBudget
from comms_source.coverage import details as plans
from comms_source.coverage.details import DetailsPolicy, KindRead
from comms_source.extract import details_reader, details_run
from comms_source.extract.details_run import DetailsRun
from comms_source.sandbox.resources import OperationResources, ResourceState
from comms_source.tables import resource_reader
from comms_source.tables.detail_tables import DETAILS
from tests.simulation import machines
from tests.simulation.details_habits import reads_details
from tests.simulation.dlt_machine import DltMachine
from tests.simulation.laws import LawBroken
from tests.simulation.machines import RESOURCES, MemoryMachine
from tests.simulation.play import play

SEEDS = 10
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "comms_source")


def test_every_law_holds_after_every_run() -> None:
    """And each law has compared something: reads, sums, last looks, messages, what expired."""
    figures: Counter[str] = Counter()
    for seed in with_details(first=1):
        figures.update(play(seed).details)

    assert min(figures[name] for name in ("reads", "sums", "looks", "messages", "expired")) > 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", [94])
def test_the_laws_hold_with_dlt_and_a_duckdb_file(seed: int) -> None:
    """A run may die between any two of dlt's steps, also when it commits details."""
    played = play(seed, DltMachine)

    assert played.crashes
    assert played.details


def _trust_the_filter(patch: Patch) -> None:
    patch.setattr(DetailsApi, "_check_filter", lambda *_: None)


def _date_resources_an_hour_late(patch: Patch) -> None:
    def late(*given: Any, synced_at: datetime, **named: Any) -> Any:
        return RESOURCE_ROWS(*given, synced_at=synced_at + timedelta(hours=1), **named)

    patch.setattr(details_reader, "resource_rows", late)


def _end_lists_one_page_early(patch: Patch) -> None:
    def early(api: DetailsApi, operation_id: str, **named: Any) -> Iterator[Any]:
        pages = [*RESOURCE_PAGES(api, operation_id, **named)]
        yield from pages[: max(1, len(pages) - 1)]

    patch.setattr(DetailsApi, "resources", early)


def _show_read_messages_as_delivered(patch: Patch) -> None:
    def state(resources: OperationResources, *given: Any) -> ResourceState:
        shown = STATE(resources, *given)
        return shown._replace(status="DELIVERED") if shown.status == "READ" else shown

    patch.setattr(OperationResources, "state", state)


def _keep_the_first_state(patch: Patch) -> None:
    def merge(into: dict[Any, Any], table: str, rows: list[dict[str, Any]]) -> None:
        is_new = [table != RESOURCES or (row["id"],) not in into for row in rows]
        MERGE(into, table, [row for row, new in zip(rows, is_new, strict=True) if new])

    patch.setattr(machines, "_merge", merge)


def _count_details_of_dropped_packages(patch: Patch) -> None:
    patch.setattr(MemoryMachine, "details_read", lambda machine: machine.rows(DETAILS.name))


def _read_details_once(patch: Patch) -> None:
    def once(operation: Any, kind: Any, read: KindRead | None, **named: Any) -> Any:
        return None if read else NEED(operation, kind, read, **named)

    patch.setattr(plans, "_need", once)


def _skip_the_last_look(patch: Patch) -> None:
    patch.setattr(plans, "LAST_DAY", timedelta(0))


def _exceed_the_budget(patch: Patch) -> None:
    def begin(budget: RequestBudget, allowed: int) -> None:
        BUDGET(budget, 10 * allowed)

    patch.setattr(RequestBudget, "__init__", begin)
    patch.setattr(plans, "_within", lambda wanted, _: ([*wanted], []))


def _read_details_in_each_run(patch: Patch) -> None:
    patch.setattr(plans, "_need", lambda *given, **named: NEED(*given, **named) or "changed")


def _take_all_that_is_old_for_lost(patch: Patch) -> None:
    patch.setattr(plans, "_is_owed", lambda *_, **__: True)


def _owe_what_was_there_before(patch: Patch) -> None:
    def owed(operation: Any, kind: Any, *, reads: Any, **_: Any) -> bool:
        return (operation.channel, operation.id, kind) not in reads

    patch.setattr(plans, "_is_owed", owed)


def _record_as_lost_a_day_early(patch: Patch) -> None:
    def plan(*given: Any, policy: DetailsPolicy, **named: Any) -> Any:
        operations, reads = list(given[0]), given[1]
        early = replace(policy, retention=policy.retention - timedelta(days=1))
        lost = PLAN(operations, reads, policy=early, **named).expired
        return replace(PLAN(operations, reads, policy=policy, **named), expired=lost)

    patch.setattr(machines, "plan_details", plan)


def _record_nothing_that_expired(patch: Patch) -> None:
    patch.setattr(DetailsRun, "_expirations", lambda _: iter(()))
    patch.setattr(DetailsRun, "done", property(lambda run: not run._due))


def _look_back_no_further_than_twice_retention(patch: Patch) -> None:
    patch.setattr(machines, "look_back", lambda *, now, retention, **_: now - 2 * retention)


def _read_the_attempts_of_all_that_failed(patch: Patch) -> None:
    def read(*given: Any, errors_per_operation: int, **named: Any) -> Any:  # noqa: ARG001
        return READ(*given, errors_per_operation=1000, **named)

    patch.setattr(details_run, "read_details", read)


def _read_the_attempts_of_delivered_messages(patch: Patch) -> None:
    patch.setattr(details_reader, "WITH_ERRORS", ("DELIVERED", "READ"))


def _forget_whose_attempts_were_read(patch: Patch) -> None:
    def read(*given: Any, asked: frozenset[str], **named: Any) -> Any:  # noqa: ARG001
        return READ(*given, asked=frozenset(), **named)

    patch.setattr(details_run, "read_details", read)


STATE = OperationResources.state
RESOURCE_ROWS = resource_reader.resource_rows
RESOURCE_PAGES = DetailsApi.resources
READ = details_reader.read_details
MERGE = machines._merge
NEED = plans._need
BUDGET = RequestBudget.__init__
PLAN = plans.plan_details


@pytest.mark.parametrize(
    ("mistake", "law", "first"),
    [
        (_trust_the_filter, "is stored with|are not the tags of", 11),
        (_date_resources_an_hour_late, "is not what the API showed", 9),
        (_end_lists_one_page_early, "are missing", 18),
        (_show_read_messages_as_delivered, "the resources of {'id'", 1),
        (_keep_the_first_state, "are missing", 9),
        (_count_details_of_dropped_packages, "are missing", 24),
        (_read_details_once, "is not of the last state", 9),
        (_skip_the_last_look, "is not of the last state", 53),
        (_exceed_the_budget, "requests for details in a run", 1),
        (_read_details_in_each_run, "was read again without need", 1),
        (_take_all_that_is_old_for_lost, "before details were read|was {", 1),
        (_owe_what_was_there_before, "is from before details were read", 1),
        (_record_as_lost_a_day_early, "has not left retention", 1),
        (_record_nothing_that_expired, "which is not recorded", 1),
        (_look_back_no_further_than_twice_retention, "which is not recorded", 214),
        (_read_the_attempts_of_all_that_failed, "the attempts of", 24),
        (_read_the_attempts_of_delivered_messages, "has not failed", 9),
        pytest.param(
            _forget_whose_attempts_were_read,
            "were read before|the attempts of",
            31,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_mistake_in_the_code_breaks_a_law(
    mistake: Callable[[Patch], None], law: str, first: int, monkeypatch: Patch
) -> None:
    """Each law can fail, and names its seed; `first` only skips seeds that pass."""
    mistake(monkeypatch)

    with pytest.raises(LawBroken, match=rf"(?s)^seed \d+, run \d+: .*({law})"):
        play_many(with_details(first=first))


def play_many(seeds: Iterable[int]) -> None:
    """Simulate seeds until one breaks a law."""
    for seed in seeds:
        play(seed)


def with_details(*, first: int) -> Iterable[int]:
    """Some seeds whose runs read details."""
    return islice(filter(reads_details, range(first, first + 1000)), SEEDS)
