"""The states of resources: at every instant they are what the counters count."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comms_source.channels import CHANNELS
from comms_source.sandbox import Trouble
from comms_source.sandbox.instants import to_ms
from comms_source.sandbox.lifecycles import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    SETTLED_AFTER,
    Kind,
    Lifecycle,
    change_times,
    last_change,
    plan_lifecycle,
    state_at,
)
from comms_source.sandbox.resources import STATUSES, OperationResources, _by_deadline
from comms_source.sandbox.troubles import apply_troubles
from tests.sandbox.resource_requests import counted

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CREATED = to_ms(NOON)
RANK = {
    "SCHEDULED": 0,
    "QUEUED": 1,
    "SENT": 2,
    "DELIVERED": 3,
    "READ": 4,
    "OPENED": 4,
    "UNDELIVERED": 5,
    "FAILED": 5,
    "CANCELED": 5,
    "GROUP": 5,
}
"""How far a resource has come; nothing follows the last ones."""

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
CAMPAIGN = replace(
    MAILING,
    channel=CHANNELS["messages"],
    total=1010,
    recipients=1010,
    unaddressable=10,
    fallback=0.25,
)

channels = st.sampled_from(list(CHANNELS.values()))
keys = st.integers(min_value=0, max_value=2**63)
lives = st.builds(
    lambda channel, key: plan_lifecycle(channel=channel, created=CREATED, key=key), channels, keys
).filter(lambda life: life.total <= 1500)
ages = st.one_of(
    st.integers(min_value=0, max_value=10_000),
    st.integers(min_value=0, max_value=20 * DAY),
    st.floats(min_value=2, max_value=9.3).map(lambda digits: int(10**digits)),
)


def statuses(resources: OperationResources, now: int) -> Counter[str]:
    """How many resources have each status."""
    return Counter(resources.state(index, now).status for index in resources.indices(now))


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (0, {"QUEUED": 1000}),
        (
            10 * SECOND,
            {"QUEUED": 556, "SENT": 409, "DELIVERED": 11, "UNDELIVERED": 7, "FAILED": 17},
        ),
        (DAY, {"SENT": 20, "DELIVERED": 392, "OPENED": 488, "UNDELIVERED": 60, "FAILED": 40}),
        (9 * DAY, {"SENT": 20, "DELIVERED": 380, "OPENED": 500, "UNDELIVERED": 60, "FAILED": 40}),
    ],
)
def test_the_resources_of_a_mailing(age: int, expected: dict[str, int]) -> None:
    """Each resource has one status; what is opened is no longer delivered."""
    assert statuses(OperationResources(MAILING, 7), CREATED + age) == expected


def test_a_scheduled_operation_has_a_resource_for_every_recipient() -> None:
    """Who is unaddressable is not known yet; from the beginning on, those have none."""
    life = replace(CAMPAIGN, start=CREATED + HOUR, end=CREATED + HOUR + 20 * SECOND)
    resources = OperationResources(life, 7)

    assert statuses(resources, CREATED) == {"SCHEDULED": 1010}
    assert statuses(resources, life.start - 1) == {"SCHEDULED": 1010}
    assert statuses(resources, life.start) == {"QUEUED": 1000}
    assert set(resources.indices(life.start)) < set(resources.indices(CREATED))


def test_a_canceled_operation_has_canceled_resources() -> None:
    """From the instant on at which it is canceled."""
    life = replace(CAMPAIGN, kind="canceled", start=CREATED + HOUR)
    resources = OperationResources(life, 7)

    assert statuses(resources, life.start - 1) == {"SCHEDULED": 1010}
    assert statuses(resources, life.start) == {"CANCELED": 1010}
    assert resources.state(3, life.start + DAY).updated == life.start


def test_a_group_message_is_one_resource() -> None:
    """With one attempt, and with a status of its own."""
    life = replace(CAMPAIGN, kind="group", total=1, recipients=4)
    resources = OperationResources(life, 7)

    for age in (0, HOUR, 9 * DAY):
        assert statuses(resources, CREATED + age) == {"GROUP": 1}
        assert resources.state(0, CREATED + age).attempts == 1


def test_an_unaddressable_operation_has_no_resources() -> None:
    """If no recipient is addressable."""
    life = replace(CAMPAIGN, unaddressable=1010, failed=0, undelivered=0, delivered=0, read=0)

    assert statuses(OperationResources(life, 7), CREATED + DAY) == {}


def test_a_resource_was_updated_when_its_status_changed() -> None:
    """At an instant at which the counters changed, and not at the later ones."""
    resources = OperationResources(MAILING, 7)
    opened = next(
        index
        for index in resources.indices(CREATED)
        if resources.state(index, CREATED + DAY).status == "OPENED"
        and resources.state(index, CREATED + 30 * SECOND).status == "SENT"
    )
    changes = {
        (state.status, state.updated)
        for age in range(0, DAY + 1, 10 * SECOND)
        for state in (resources.state(opened, CREATED + age),)
    }

    assert {status for status, _ in changes} == {"QUEUED", "SENT", "DELIVERED", "OPENED"}
    assert len(changes) == 4
    assert {updated for _, updated in changes} <= set(change_times(MAILING))


def test_the_parts_are_spread_over_the_indices() -> None:
    """A page of neighbours is like the whole, and another key spreads them differently."""
    one, other = (OperationResources(MAILING, key) for key in (1, 2))
    at = CREATED + DAY
    half = Counter(one.state(index, at).status for index in range(500))

    assert abs(half["OPENED"] - 244) < 40
    assert statuses(one, at) == statuses(other, at)
    assert any(one.state(each, at) != other.state(each, at) for each in range(50))


def expected_counts(life: Lifecycle, now: int, reading: str) -> Counter[str]:
    """What the counters of the operation say."""
    if life.kind == "group":
        return Counter({"GROUP": 1})
    stats = state_at(life, now, cumulative=reading == "cumulative").stats
    return counted(stats, reading=reading)


@pytest.mark.slow
@settings(max_examples=300)
@given(lives, keys, st.lists(ages, min_size=1, max_size=5))
def test_the_statuses_add_up_to_the_counters_at_every_instant(
    life: Lifecycle, key: int, ages: list[int]
) -> None:
    """With either reading, for every kind of operation and every channel."""
    resources = OperationResources(life, key)
    for age in ages:
        now = CREATED + age
        for reading in ("exclusive", "cumulative"):
            assert statuses(resources, now) == expected_counts(life, now, reading)


@pytest.mark.slow
@settings(max_examples=40)
@given(lives, keys)
def test_they_add_up_around_every_change(life: Lifecycle, key: int) -> None:
    """A millisecond before, at and after each instant at which a counter may change."""
    resources = OperationResources(life, key)
    for change in change_times(life):
        for now in (change - 1, change, change + 1):
            if now >= life.created:
                assert statuses(resources, now) == expected_counts(life, now, "exclusive")


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(
    "kind", ["sent", "scheduled", "far_scheduled", "canceled", "unaddressable", "group"]
)
def test_they_add_up_for_every_kind_of_operation(channel: str, kind: Kind) -> None:
    """Every kind that the channel has, of several sizes, at several ages."""
    planned = (
        plan_lifecycle(channel=CHANNELS[channel], created=CREATED, key=key) for key in range(4000)
    )
    mine = [life for life in planned if life.kind == kind and life.total < 500][:12]

    assert mine or (channel != "messages" and kind in {"group", "unaddressable"})
    for life in mine:
        resources = OperationResources(life, 5)
        for after in (-1, 0, 1500, 4 * SECOND, MINUTE, HOUR, DAY, SETTLED_AFTER):
            now = max(life.created, life.start + after)
            assert statuses(resources, now) == expected_counts(life, now, "exclusive")


@settings(max_examples=100)
@given(
    lives,
    keys,
    ages,
    st.sampled_from(
        [
            *(("no_receipts", None), ("delivery_down", 0.4), ("unaddressable_up", 9.0)),
            *(("failed_up", 0.9), ("stalled", 0.3)),
        ]
    ),
)
def test_they_add_up_under_troubles(
    life: Lifecycle, key: int, age: int, trouble: tuple[str, float | None]
) -> None:
    """Troubles change lifecycles, and the resources follow."""
    kind, part = trouble
    day = timedelta(days=1)
    applied = Trouble(kind, NOON - day, NOON + day, part=part)
    troubled = apply_troubles(life, [applied], key=key)
    now = CREATED + age

    expected = expected_counts(troubled, now, "exclusive")
    assert statuses(OperationResources(troubled, key), now) == expected


@settings(max_examples=100)
@given(lives, keys, st.lists(ages, min_size=2, max_size=8))
def test_a_resource_only_moves_forward(life: Lifecycle, key: int, ages: list[int]) -> None:
    """Nothing follows an end, and `updated` changes with the status only."""
    resources = OperationResources(life, key)
    final = {status for status, rank in RANK.items() if rank >= 4}
    seen = [CREATED + age for age in sorted(ages)]
    for index in resources.indices(seen[-1]):
        states = [resources.state(index, now) for now in seen]
        for now, state in zip(seen, states, strict=True):
            assert state.status in STATUSES[life.channel.name]
            assert life.created <= state.updated <= now
            assert life.created <= state.processed <= state.updated or state.status == "CANCELED"
        for before, after in pairwise(states):
            assert RANK[before.status] <= RANK[after.status]
            assert before.status == after.status or before.status not in final
            assert (before.status == after.status) == (before.updated == after.updated)
            assert before.attempts <= after.attempts


@settings(max_examples=200)
@given(lives, keys, ages)
def test_the_attempts_add_up_to_the_counter(life: Lifecycle, key: int, age: int) -> None:
    """At every instant; pushes have no such counter."""
    resources, now = OperationResources(life, key), CREATED + age
    attempts = sum(resources.state(index, now).attempts for index in resources.indices(now))
    stats = state_at(life, now, cumulative=False).stats

    assert attempts == stats.get("attempts", attempts)


@pytest.mark.parametrize(("age", "attempts"), [(0, 0), (10 * SECOND, 555), (DAY, 1250)])
def test_a_quarter_is_tried_again(age: int, attempts: int) -> None:
    """Exactly, of those that were processed."""
    resources, now = OperationResources(CAMPAIGN, 7), CREATED + age
    made = [resources.state(index, now).attempts for index in resources.indices(now)]

    assert sum(made) == attempts == state_at(CAMPAIGN, now, cumulative=False).stats["attempts"]
    assert set(made) <= {0, 1, 2}


@given(
    st.integers(min_value=1, max_value=60),
    st.integers(min_value=0, max_value=60),
    st.integers(min_value=0, max_value=60),
)
def test_what_is_known_is_handed_over(handed: int, undelivered: int, delivered: int) -> None:
    """At every progress, the first ones handed over include all outcomes known by then."""
    undelivered = min(undelivered, handed)
    delivered = min(delivered, handed - undelivered)
    ordered = _by_deadline(
        [((0, "UNDELIVERED"),)] * undelivered, [((0, "DELIVERED"),)] * delivered, handed=handed
    )

    assert len(ordered) == handed
    for progress in range(1001):
        first = ordered[: handed * progress // 1000]
        assert first.count(((0, "UNDELIVERED"),)) >= undelivered * progress // 1000
        assert first.count(((0, "DELIVERED"),)) >= delivered * progress // 1000


@settings(max_examples=300)
@given(lives, ages)
def test_every_change_is_one_of_the_known_instants(life: Lifecycle, age: int) -> None:
    """So that all counts can be computed in advance."""
    now = life.start + age

    assert last_change(life, now) in change_times(life)
    assert last_change(life, now) <= now
