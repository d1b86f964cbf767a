"""Every row of every view, compared with the same row computed in plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import example, given, settings

from comms_source.channels import CHANNELS
from comms_source.views.files import read_views
from comms_source.views.settings import CounterMode
from tests.views.detail_worlds import with_details
from tests.views.expectations import EXPECTED, NOT_COMPARED, disagreements
from tests.views.small_worlds import small_worlds
from tests.views.view_oracle import Oracle
from tests.views.view_tables import (
    DEFAULTS,
    NOON,
    NOW,
    Operation,
    State,
    counted,
    pinned,
    records,
    sample,
    sample_names,
    warehouse,
)
from tests.views.view_worlds import DAY, HOUR, Chance, World, put_world, random_world

PINS: Final[list[Mapping[str, CounterMode]]] = [
    {},
    dict.fromkeys(CHANNELS, "exclusive"),
    dict.fromkeys(CHANNELS, "cumulative"),
    {"emails": "exclusive"},
]

KINDS: Final = {
    ("operations", "finality"): {"in_progress", "settling", "settled", "final", "frozen"},
    ("operations", "counter_mode"): {"exclusive", "cumulative", "undecided"},
    ("operations", "is_inconsistent"): {False, True},
    ("counter_modes", "counter_mode"): {"exclusive", "cumulative", "undecided"},
    ("counter_modes", "decided_by"): {"counters", "resources", None},
    ("counter_mode_evidence", "resource_mode"): {"exclusive", "cumulative", "undecided"},
    ("error_codes", "kind"): {"failed", "undelivered", "both", None},
    ("operation_reconciliation", "agrees_exclusive"): {False, True},
    ("operation_reconciliation", "agrees_cumulative"): {False, True},
    ("overdue_operations", "is_current"): {False, True},
    ("counter_checks", "problem"): {
        "invalid_counter",
        "missing_counter",
        "fits_no_mode",
        "unaddressable_exceeds_recipients",
        "differs_from_channel",
    },
    ("stuck_operations", "reason"): {
        "processing_too_long",
        "finished_with_queued",
        "not_found",
    },
    ("rejected_rows", "state"): {"open", "resolved", "acknowledged"},
    ("delivery_trend", "measure"): {
        "requested",
        "delivery_rate",
        "without_outcome_rate",
        "undelivered_rate",
        "failed_rate",
        "engagement_rate",
        "acceptance_rate",
        "unaddressable_rate",
    },
    ("worst_operations", "ranking"): {"count", "rate"},
    ("daily_delivery_at_age", "age_hours"): {1, 6, 24, 72, 168},
    ("completion_times", "is_limited"): {False, True},
    ("operation_completions", "size_order"): {1, 2, 3, 4, 5, 6, 7},
}
"""The values that occur in a large random data set, by view and column."""

SOMETIMES: Final = (
    *(("delivery_trend", name) for name in ("change", "growth", "usual_low", "value")),
    *(("operations", name) for name in ("delivered", "unconfirmed", "accepted", "delivery_rate")),
    ("sync_health", "hours_to_freeze"),
    ("completion_sla", "share"),
    *(("delivery_by_tag", name) for name in ("requested", "resource_delivery_rate")),
    *(("delivery_by_sender", name) for name in ("requested", "resource_delivery_rate")),
)
"""Views and columns that are sometimes NULL in a large random data set."""

INTERVALS: Final = (
    "delivered",
    "unconfirmed",
    "outstanding",
    "delivery_rate",
    "delivery_rate_of_known",
    "unconfirmed_rate",
    "engagement_rate",
    "read_rate",
    "open_rate",
)
NOT_OF_PUSHES: Final = (
    *("attempts", "api_delivered", "read", "opened", "engaged", "undelivered"),
    *("undelivered_rate", "failed_rate", "attempts_per_resource"),
    *("final_delivered", "final_engaged", "delivered_share", "engaged_share"),
    *(name for interval in INTERVALS for name in (interval, f"{interval}_low", f"{interval}_high")),
)
MEASURES_OF_PUSHES: Final = {"requested", "acceptance_rate", "unaddressable_rate"}


def detailed(seed: int, operations: int) -> World:
    """A random data set with details."""
    chance = Chance(seed)
    return with_details(chance, random_world(chance, operations))


def test_every_view_is_compared() -> None:
    """A new public view needs a definition here, too."""
    names = {view.name for view in read_views(details=True) if not view.name.startswith("int_")}
    assert {name for name in EXPECTED if not name.startswith("int_")} == names - NOT_COMPARED


@pytest.mark.slow
@pytest.mark.parametrize("pins", PINS, ids=str)
def test_random_data(pins: Mapping[str, CounterMode]) -> None:
    """Over many accounts and days, every column of every row is as defined."""
    world, chosen = detailed(20261120, 500 if pins else 1500), pinned(pins)
    with warehouse(settings=chosen) as db:
        put_world(db, world)
        assert disagreements(db, world, chosen) == {}


@pytest.mark.parametrize("view", EXPECTED)
def test_every_view_has_rows(view: str) -> None:
    """For a small random data set."""
    _, expect = EXPECTED[view]
    assert len(expect(Oracle(detailed(1, 200), DEFAULTS))) > 5


@pytest.mark.slow
def test_every_kind_occurs() -> None:
    """A large random data set has every kind of finality, mode, problem and measure."""
    oracle = Oracle(detailed(20261120, 1500), DEFAULTS)
    rows = {view: expect(oracle) for view, (_, expect) in EXPECTED.items()}
    found = {(view, name): {row[name] for row in rows[view]} for view, name in KINDS}
    assert found == KINDS
    for view, name in SOMETIMES:
        assert {row[name] is None for row in rows[view]} == {False, True}, (view, name)


def test_pins_are_contradicted() -> None:
    """A random data set has operations that do not fit a pinned mode."""
    world = detailed(20261120, 500)
    for pins in PINS[1:]:
        _, checks = EXPECTED["counter_checks"]
        assert "not_as_pinned" in {row["problem"] for row in checks(Oracle(world, pinned(pins)))}


def test_documented_operations() -> None:
    """The measures of the operations in the API reference, young and old, are as defined."""
    operations = [
        replace(shown, account=account, created_at=created, synced_at=created + DAY)
        for account, created in (("young", NOW - DAY), ("old", NOW - 8 * DAY))
        for shown in map(sample, sample_names())
    ]
    world = World(operations=operations, states=[_seen_once(each) for each in operations])
    with warehouse() as db:
        put_world(db, world)
        assert disagreements(db, world, DEFAULTS) == {}


def _seen_once(operation: Operation) -> State:
    seen = operation.created_at + HOUR / 2
    return State(shown=replace(operation, synced_at=seen), valid_from=seen)


@pytest.mark.parametrize("view", EXPECTED)
def test_empty_tables(view: str) -> None:
    """Without operations there is no row, instead of a row of zeros."""
    with warehouse() as db:
        assert records(db, f"select * from comms.{view}") == []


@pytest.mark.parametrize("view", EXPECTED)
def test_unknown_for_pushes(view: str) -> None:
    """A column that depends on a counter that pushes do not have is NULL, never 0."""
    world = detailed(3, 400)
    with warehouse() as db:
        put_world(db, world)
        rows = records(db, f"select * from comms.{view} where channel = 'push_notifications'")
    assert rows
    known = {name for row in rows for name, value in row.items() if value is not None}
    assert known.isdisjoint(NOT_OF_PUSHES)
    assert {row["measure"] for row in rows if "measure" in row} <= MEASURES_OF_PUSHES


WITHOUT_DELIVERED: Final = Operation(
    channel="emails", counters={"scheduled": 1, "queued": 1, "sent": 5}
)
MANY_SENT: Final = replace(counted("emails", total=5, sent=5, delivered=5, opened=3), id="many")
COMPLETE: Final = {"account": "acme", "channel": "emails", "read_at": NOON, "is_complete": True}


@pytest.mark.slow
@settings(max_examples=10)
@given(small_worlds())
@example(World(operations=[WITHOUT_DELIVERED, MANY_SENT]))
@example(
    World(
        coverage=[
            COMPLETE | {"window_start": NOON - 6 * HOUR, "window_end": NOON - 5 * HOUR},
            COMPLETE | {"window_start": NOON - 5 * HOUR, "window_end": NOON - 2 * HOUR},
            COMPLETE | {"window_start": NOON - HOUR, "window_end": NOON},
        ]
    )
)
def test_small_data(world: World) -> None:
    """With missing and invalid counters, states and records in all combinations."""
    with warehouse() as db:
        put_world(db, world)
        assert disagreements(db, world, DEFAULTS) == {}
