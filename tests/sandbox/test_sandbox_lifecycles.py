"""The lifecycles of the sandbox's operations, and their generation."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.channels import CHANNELS, Channel
from comms_source.sandbox import SandboxSettings
from comms_source.sandbox.instants import to_ms
from comms_source.sandbox.lifecycles import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    SETTLED_AFTER,
    Lifecycle,
    plan_lifecycle,
    state_at,
)
from comms_source.sandbox.population import GeneratedPopulation

CREATED = to_ms(datetime(2026, 11, 20, 12, tzinfo=UTC))
ID = re.compile(r"^comms_operation_[0-7][a-hjkmnpqrstv-z0-9]{25,34}$")
RANK = {"SCHEDULED": 0, "PROCESSING": 1, "COMPLETED": 2, "CANCELED": 2}

channels = st.sampled_from(list(CHANNELS.values()))
lives = st.builds(
    lambda channel, key: plan_lifecycle(channel=channel, created=CREATED, key=key),
    channels,
    st.integers(min_value=0, max_value=2**63),
)
ages = st.one_of(
    st.integers(min_value=0, max_value=10_000), st.integers(min_value=0, max_value=20 * DAY)
)


MAILING = Lifecycle(
    channel=CHANNELS["emails"],
    created=CREATED,
    kind="sent",
    total=1000,
    recipients=1000,
    start=CREATED,
    end=CREATED + 20 * SECOND,
    unaddressable=0,
    failed=40,
    undelivered=60,
    delivered=880,
    read=500,
    delivery_pace=5 * MINUTE,
    read_pace=6 * HOUR,
    fallback=0.0,
    frozen_update=False,
)


@pytest.mark.parametrize(
    ("age", "failed", "undelivered", "delivered", "opened"),
    [
        (10 * SECOND, 17, 7, 11, 0),
        (MINUTE, 40, 50, 148, 1),
        (HOUR, 40, 60, 880, 66),
        (DAY, 40, 60, 880, 488),
        (SETTLED_AFTER, 40, 60, 880, 500),
    ],
)
def test_failures_are_known_first(
    age: int, failed: int, undelivered: int, delivered: int, opened: int
) -> None:
    """Undelivered resources are known ten times as fast as delivered ones; reads come last."""
    stats = state_at(MAILING, CREATED + age, cumulative=True).stats

    assert stats["failed"] == failed
    assert (stats["undelivered"], stats["delivered"]) == (undelivered, delivered)
    assert stats["opened"] == opened


@given(lives)
def test_undelivered_resources_are_known_within_minutes(life: Lifecycle) -> None:
    """At least 98 %, five minutes after processing."""
    counts = state_at(life, life.end + 5 * MINUTE, cumulative=True).stats

    if life.kind != "canceled" and "undelivered" in counts:
        assert counts["undelivered"] >= 0.98 * life.undelivered - 1


@given(lives)
def test_few_receipts_are_missing_in_the_end(life: Lifecycle) -> None:
    """At most 4 % of the deliverable resources, in operations of any size."""
    if life.kind != "group":
        deliverable = life.total - life.unaddressable - life.failed - life.undelivered
        assert 0.96 * deliverable <= life.delivered <= deliverable


def buckets(stats: dict[str, int]) -> int:
    """The sum of the counters of current states, unaddressable recipients included."""
    states = ("scheduled", "queued", "sent", "delivered", "read", "undelivered", "failed")
    return sum(stats.get(name, 0) for name in (*states, "canceled", "unaddressable"))


@given(lives, ages, st.booleans())
def test_counters_stay_within_their_bounds_at_any_age(
    life: Lifecycle, age: int, cumulative: bool
) -> None:
    """None is negative, and no counter of resources exceeds the total."""
    stats = state_at(life, CREATED + age, cumulative=cumulative).stats

    assert stats.keys() == set(life.channel.counters)
    assert min(stats.values()) >= 0
    resources = stats.keys() - {"recipients", "attempts", "unaddressable"}
    assert all(stats[name] <= stats["total"] for name in resources)
    assert stats.get("unaddressable", 0) <= stats["recipients"]


@given(lives, ages)
def test_exclusive_counters_count_each_resource_at_most_once(life: Lifecycle, age: int) -> None:
    """They do not count group messages, which have no state of their own."""
    stats = state_at(life, CREATED + age, cumulative=False).stats

    if "read" in life.channel.counters:
        assert buckets(stats) <= stats["total"]


@given(lives, ages)
def test_cumulative_counters_form_a_funnel(life: Lifecycle, age: int) -> None:
    """Each stage is a part of the one before."""
    stats = state_at(life, CREATED + age, cumulative=True).stats

    if "opened" in life.channel.counters:
        assert stats["sent"] >= stats["delivered"] + stats["undelivered"]
        assert stats["delivered"] >= stats["opened"]


@given(lives, ages, ages)
def test_an_operation_only_moves_forward(life: Lifecycle, one: int, other: int) -> None:
    """Status and `updatedAt` never go back, and a final status does not change."""
    before, after = (state_at(life, CREATED + age, cumulative=True) for age in sorted((one, other)))

    assert RANK[before.status] <= RANK[after.status]
    assert CREATED <= before.updated <= after.updated <= CREATED + max(one, other)
    if RANK[before.status] == 2:
        assert before.status == after.status
    grows = before.stats.keys() - {"scheduled", "queued"}
    assert all(before.stats[name] <= after.stats[name] for name in grows)


@given(lives)
def test_after_some_days_nothing_changes_any_more(life: Lifecycle) -> None:
    """So that the last reading before the end of retention can be final."""
    settled = max(life.start + SETTLED_AFTER, life.end)
    states = [state_at(life, settled + days * DAY, cumulative=False) for days in (0, 1, 30)]

    assert states[0] == states[1] == states[2]


@given(lives)
def test_counters_may_change_without_updated_at(life: Lifecycle) -> None:
    """A frozen `updatedAt` is the end of processing or earlier."""
    frozen = replace(life, frozen_update=True)

    assert state_at(frozen, life.end + 5 * DAY, cumulative=False).updated <= life.end


def population(channel: str = "messages", **changes: object) -> GeneratedPopulation:
    """The generated operations of one channel."""
    settings = SandboxSettings(**{"operations_per_week": 500, **changes})  # type: ignore[arg-type]
    return GeneratedPopulation(CHANNELS[channel], settings)


numbers = st.integers(min_value=-100_000, max_value=1_000_000)


@given(numbers, channels, st.integers(min_value=0, max_value=99))
def test_an_id_is_valid_and_finds_its_operation(number: int, channel: Channel, seed: int) -> None:
    """In its own channel and with its own seed only."""
    mine = population(channel.name, seed=seed)
    found = mine.find(mine.id_of(number))

    assert ID.match(mine.id_of(number))
    assert found == number
    for other in CHANNELS:
        if other != channel.name:
            assert population(other, seed=seed).find(mine.id_of(number)) is None
    assert population(channel.name, seed=seed + 1).find(mine.id_of(number)) is None


@given(st.sampled_from(["seconds", "milliseconds"]), st.integers(min_value=-9, max_value=9))
def test_a_range_of_time_is_a_range_of_numbers(timestamps: str, days: int) -> None:
    """Creation times never decrease, and bisection finds the first one in the range."""
    mine = population(timestamps=timestamps)
    instant = CREATED + days * DAY
    first = mine.first_from(instant)
    created = [mine.created(number) for number in range(first - 300, first + 300)]

    assert created == sorted(created)
    assert created[299] < instant <= created[300]


def test_volume_is_as_set_with_busier_days_than_nights() -> None:
    """A week has the number of operations that is set, give or take one."""
    mine = population()
    week = mine.first_from(CREATED + 7 * DAY) - mine.first_from(CREATED)
    hours = [datetime.fromtimestamp(mine.created(n) / 1000, UTC).hour for n in range(5000)]

    assert abs(week - 500) <= 1
    assert sum(6 <= hour < 18 for hour in hours) > sum(not 6 <= hour < 18 for hour in hours)


def test_every_kind_of_operation_occurs() -> None:
    """Including scheduled, canceled, unaddressable and group operations."""
    mine = population()
    planned = [mine.life(number) for number in range(3000)]
    kinds = {life.kind for life in planned}

    assert kinds == {"sent", "scheduled", "far_scheduled", "canceled", "unaddressable", "group"}
    assert any(life.frozen_update for life in planned)
    assert any(life.start - life.created > 7 * DAY for life in planned)
    group = next(life for life in planned if life.kind == "group")
    shown = state_at(group, group.end + DAY, cumulative=False)
    assert (shown.status, buckets(shown.stats)) == ("COMPLETED", 0)
    assert shown.stats["recipients"] > shown.stats["total"]


def test_each_operation_has_its_own_visibility_lag() -> None:
    """Some are listed at once, some late, none later than the setting."""
    lag = timedelta(minutes=10)
    mine = population(visibility_lag=lag)
    late = [
        number
        for number in range(1000, 1100)
        if not mine.listed(number, mine.created(number) + 5 * 60_000)
    ]

    assert 0 < len(late) < 100
    assert all(mine.listed(n, mine.created(n) + 10 * 60_000) for n in range(1000, 1100))
