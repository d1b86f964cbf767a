"""Every row of every view, against the same row worked out in plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import example, given, settings

from comms_source.channels import CHANNELS
from comms_source.view_files import read_views
from comms_source.view_settings import StatsReading
from tests.views.expectations import EXPECTED, disagreements
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

PINS: Final[list[Mapping[str, StatsReading]]] = [
    {},
    dict.fromkeys(CHANNELS, "exclusive"),
    dict.fromkeys(CHANNELS, "cumulative"),
    {"emails": "exclusive"},
]

INTERVALS: Final = (
    "delivery_rate",
    "attempted_delivery_rate",
    "failure_rate",
    "read_rate",
    "open_rate",
    "engagement_rate",
    "previous_delivery_rate",
    "previous_engagement_rate",
    "reached",
)
NOT_OF_PUSHES: Final = (
    *("attempts", "delivered", "read", "opened", "undelivered", "engaged", "missed"),
    *("delivery_rate", "delivery_rate_change", "engagement_rate_change"),
    *("attempts_per_resource", "reached_share", "engaged_share"),
    *(f"{interval}_{end}" for interval in INTERVALS for end in ("low", "high")),
)


def test_that_every_view_is_judged() -> None:
    """A view that is added to the project gets its definition here, too."""
    assert EXPECTED.keys() == {view.name for view in read_views()}


@pytest.mark.parametrize("pins", PINS, ids=str)
def test_that_the_views_agree_with_the_definitions(pins: Mapping[str, StatsReading]) -> None:
    """Thousands of rows, of many accounts and days: every column of every row is as defined."""
    world, told = random_world(Chance(20261120), 500 if pins else 1500), pinned(pins)
    with warehouse(settings=told) as db:
        put_world(db, world)
        assert disagreements(db, world, told) == {}


@pytest.mark.parametrize("view", EXPECTED)
def test_that_a_random_world_has_something_for_every_view(view: str) -> None:
    """Among the made-up rows are those that each view is about."""
    _, expect = EXPECTED[view]
    assert len(expect(Oracle(random_world(Chance(1), 60), DEFAULTS))) > 5


def test_that_the_documented_operations_are_told_as_defined() -> None:
    """Each of them young and old, seen completed at once and changed in nothing since."""
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
def test_that_empty_tables_give_empty_views(view: str) -> None:
    """Before the first operation there is no row, rather than a row of zeros."""
    with warehouse() as db:
        assert records(db, f"select * from comms.{view}") == []


@pytest.mark.parametrize("view", EXPECTED)
def test_that_what_a_push_has_not_is_unknown(view: str) -> None:
    """Whatever the other channels have: no counter that pushes lack is 0 anywhere."""
    world = random_world(Chance(3), 150)
    with warehouse() as db:
        put_world(db, world)
        rows = records(db, f"select * from comms.{view} where channel = 'push_notifications'")
    assert rows or view == "unaddressable_recipients"
    told = {name for row in rows for name, value in row.items() if value is not None}
    assert told.isdisjoint(NOT_OF_PUSHES)


SILENT_DELIVERIES = Operation(channel="emails", counters={"scheduled": 1, "queued": 1, "sent": 5})
MANY_SENT = replace(counted("emails", total=5, sent=5, delivered=5, opened=3), id="many")
COMPLETE = {"account": "acme", "channel": "emails", "read_at": NOON, "is_complete": True}


@settings(max_examples=16, deadline=None)
@given(small_worlds())
@example(World(operations=[SILENT_DELIVERIES, MANY_SENT]))
@example(
    World(
        coverage=[
            COMPLETE | {"window_start": NOON, "window_end": NOON + HOUR},
            COMPLETE | {"window_start": NOON, "window_end": NOON + 3 * HOUR},
            COMPLETE | {"window_start": NOON + 4 * HOUR, "window_end": NOON + 5 * HOUR},
        ]
    )
)
def test_that_odd_worlds_are_told_as_defined(world: World) -> None:
    """Absent and absurd counters, states and records that meet in all ways: all is as defined."""
    with warehouse() as db:
        put_world(db, world)
        assert disagreements(db, world, DEFAULTS) == {}
