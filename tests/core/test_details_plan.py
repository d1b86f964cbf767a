"""Which details a run reads: what is due, in which order, and within how many requests."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.coverage.details import (
    KINDS,
    LAST_DAY,
    NEEDS,
    RATIO,
    DetailsPlan,
    DetailsPolicy,
    Kind,
    KindRead,
    OperationState,
    plan_details,
    relevant,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
POLICY = DetailsPolicy(
    kinds=["resources"],
    requests=100,
    errors_per_operation=20,
    page_size=1000,
    retention=7 * DAY,
)
Key = tuple[str, str, Kind]


def operation(age: timedelta, **changes: Any) -> OperationState:
    """A message operation of ten recipients, all of them reached."""
    state = OperationState(
        channel="messages",
        id=f"operation-{age / HOUR:g}",
        created_at=NOW - age,
        version=1,
        total=10,
        not_delivered=0,
    )
    return replace(state, **changes)


def read(age: timedelta, *, version: int = 1) -> KindRead:
    """Details that were read so long ago."""
    return KindRead("read", NOW - age, version)


def plan_of(
    *operations: OperationState,
    reads: Mapping[Key, KindRead] | None = None,
    now: datetime = NOW,
    since: Mapping[tuple[str, Kind], datetime] | None = None,
    **policy: Any,
) -> DetailsPlan:
    """The plan for some operations."""
    return plan_details(
        operations,
        reads or {},
        now=now,
        policy=replace(POLICY, **policy),
        since=since or {},
    )


def key(state: OperationState, kind: Kind) -> Key:
    """Where what was read of an operation is found."""
    return state.channel, state.id, kind


def carried_out(
    plan: DetailsPlan, reads: Mapping[Key, KindRead], *, now: datetime
) -> dict[Key, KindRead]:
    """What the table says after a run that read all that was due."""
    found = dict(reads)
    for due in plan.due:
        kinds = {*due.kinds, *(["tags"] if "resources" in due.kinds else [])}
        found |= {
            key(due.operation, kind): KindRead("read", now, due.version_of(kind))
            for kind in KINDS
            if kind in kinds
        }
    return found | {
        key(state, kind): KindRead("expired", None, None) for state, kind in plan.expired
    }


def test_what_was_never_read_is_unread() -> None:
    """One request for a page of resources."""
    (due,) = plan_of(operation(DAY)).due

    assert (due.need, due.kinds, due.requests) == ("unread", ("resources",), 1)


def test_what_is_in_its_last_day_is_expiring() -> None:
    """From the first instant of that day on."""
    states = [operation(6 * DAY), operation(6 * DAY - timedelta(seconds=1))]

    assert [due.need for due in plan_of(*states).due] == ["expiring", "unread"]


def test_what_shows_another_state_is_changed() -> None:
    """Once the reading is older than half the age."""
    state = operation(2 * DAY, version=2)

    (due,) = plan_of(state, reads={key(state, "resources"): read(DAY)}).due

    assert due.need == "changed"


@pytest.mark.parametrize("read_age", [HOUR, 24 * HOUR - timedelta(seconds=1)])
def test_it_is_read_again_only_when_its_age_has_doubled(read_age: timedelta) -> None:
    """However often it changes."""
    state = operation(2 * DAY, version=2)

    assert not plan_of(state, reads={key(state, "resources"): read(read_age)}).due


def test_it_is_read_again_only_if_it_changed() -> None:
    """However old the reading is, in the last day too."""
    states = [operation(5 * DAY), operation(6.5 * DAY)]
    reads = {key(state, "resources"): read(5 * DAY) for state in states}

    assert not plan_of(*states, reads=reads).due


def test_every_change_counts_in_the_last_day() -> None:
    """The next run may be too late."""
    state = operation(6.5 * DAY, version=2)

    (due,) = plan_of(state, reads={key(state, "resources"): read(timedelta(minutes=1))}).due

    assert due.need == "expiring"


@pytest.mark.parametrize(
    ("age", "read_age", "need"),
    [
        (2 * HOUR, HOUR, "changed"),
        (2 * HOUR, HOUR / 2, None),
        (6.5 * DAY, 4 * DAY, "expiring"),
        (6.5 * DAY, 1 * DAY, None),
    ],
)
def test_an_empty_list_is_requested_again(
    age: timedelta, read_age: timedelta, need: str | None
) -> None:
    """When the age has doubled, though nothing changed: the resources may have come late."""
    state = operation(age)
    reads = {key(state, "resources"): KindRead("empty", NOW - read_age, 1)}

    assert [due.need for due in plan_of(state, reads=reads).due] == ([need] if need else [])


def test_what_expires_comes_first_then_the_unread_then_the_changed() -> None:
    """In each of them the oldest, and of two of one instant the smaller id."""
    changed = [operation(5 * DAY, version=2), operation(4 * DAY, version=2)]
    unread = [operation(3 * DAY, id="b"), operation(3 * DAY, id="a"), operation(2 * DAY)]
    expiring = [operation(6.9 * DAY), operation(6.2 * DAY)]
    reads = {key(state, "resources"): read(3 * DAY) for state in changed}

    due = plan_of(*unread[::-1], *changed[::-1], *expiring[::-1], reads=reads).due

    assert [each.operation for each in due] == [
        *expiring,
        *(unread[1], unread[0], unread[2]),
        *changed,
    ]


def test_a_large_operation_waits_and_smaller_ones_pass() -> None:
    """The budget is kept; in the next run the large one comes first."""
    small = [operation(days * DAY) for days in (5, 3, 2)]
    large = operation(4 * DAY, total=3000)
    plan = plan_of(*small, large, requests=3)

    assert [due.operation for due in plan.due] == small
    assert [due.operation for due in plan.waiting] == [large]
    assert plan.requests == 3

    new = operation(HOUR)
    following = plan_of(*small, large, new, reads=carried_out(plan, {}, now=NOW), requests=3)
    assert [due.operation for due in following.due] == [large]
    assert [due.operation for due in following.waiting] == [new]


@pytest.mark.parametrize(
    ("total", "requests"), [(None, 1), (0, 1), (1, 1), (1000, 1), (1001, 2), (10_000, 10)]
)
def test_resources_take_a_request_a_page(total: int | None, requests: int) -> None:
    """And one where the counters show none, or are unknown."""
    (due,) = plan_of(operation(DAY, total=total)).due

    assert due.requests == requests


@pytest.mark.parametrize(
    ("channel", "kinds", "not_delivered", "requests"),
    [
        ("messages", ["errors"], 3, 2 + 1 + 3),
        ("messages", ["errors"], 500, 2 + 1 + 20),
        ("messages", ["resources", "errors"], 3, 1 + 1 + 3),
        ("emails", ["errors"], 3, 1),
        ("push_notifications", ["resources", "errors"], 3, 1 + 1),
    ],
)
def test_errors_take_a_list_and_for_messages_the_failed_ones(
    channel: str, kinds: list[Kind], not_delivered: int, requests: int
) -> None:
    """Which messages failed is in the resources, or takes two lists."""
    state = operation(DAY, channel=channel, not_delivered=not_delivered)

    (due,) = plan_of(state, kinds=kinds, since={(channel, "errors"): NOW - DAY}).due

    assert (due.kinds, due.requests) == (tuple(kinds), requests)


def test_a_list_of_errors_that_was_never_read_takes_no_budget() -> None:
    """The API may have none, and then one request finds out for all operations."""
    states = [operation(DAY, channel="emails", not_delivered=3) for _ in range(3)]

    plan = plan_of(*states, kinds=["tags", "errors"], requests=3)

    assert [(due.kinds, due.requests) for due in plan.due] == [(("tags", "errors"), 1)] * 3


def test_tags_take_one_request_and_are_read_once() -> None:
    """They do not change with the state."""
    state = operation(6.5 * DAY)

    (due,) = plan_of(state, kinds=["tags"]).due
    assert (due.kinds, due.requests) == (("tags",), 1)

    reads = {key(state, "tags"): KindRead("read", NOW - 6 * DAY, due.version_of("tags"))}
    assert not plan_of(replace(state, version=2), kinds=["tags"], reads=reads).due


def test_tags_are_not_requested_where_resources_are_read() -> None:
    """They are in the resources; what is not due there is not requested for tags alone."""
    state = operation(2 * DAY)

    (due,) = plan_of(state, kinds=["tags", "resources"]).due
    assert (due.kinds, due.requests) == (("resources",), 1)

    reads = {key(state, "resources"): read(DAY)}
    assert not plan_of(state, kinds=["tags", "resources"], reads=reads).due


def test_errors_are_requested_only_where_something_failed() -> None:
    """And again only when more failed; no other change counts."""
    reached, failed = operation(2 * DAY), operation(2 * DAY + HOUR, not_delivered=1)

    (due,) = plan_of(reached, failed, kinds=["errors"]).due
    assert due.operation is failed

    reads = {key(failed, "errors"): read(2 * DAY)}
    assert not plan_of(replace(failed, version=7), kinds=["errors"], reads=reads).due
    (again,) = plan_of(replace(failed, not_delivered=2), kinds=["errors"], reads=reads).due
    assert again.need == "changed"


def test_an_operation_with_several_kinds_has_the_most_urgent_need() -> None:
    """Its resources were read in another state, its errors never."""
    state = operation(4 * DAY, version=2, not_delivered=1)

    (due,) = plan_of(
        state, kinds=["resources", "errors"], reads={key(state, "resources"): read(3 * DAY)}
    ).due

    assert (due.kinds, due.need) == (("resources", "errors"), "unread")


def test_what_left_retention_unread_is_expired_once() -> None:
    """And is not requested."""
    state = operation(8 * DAY, not_delivered=1)
    since: dict[tuple[str, Kind], datetime] = {
        ("messages", "resources"): NOW - 9 * DAY,
        ("messages", "errors"): NOW - 8 * DAY,
    }

    plan = plan_of(state, kinds=["resources", "errors"], since=since)
    assert (plan.due, plan.expired) == ([], [(state, "resources"), (state, "errors")])

    reads = carried_out(plan, {}, now=NOW)
    assert not plan_of(state, kinds=["resources", "errors"], since=since, reads=reads).expired


@pytest.mark.parametrize(
    ("since", "changes"),
    [
        ({}, {}),
        ({("messages", "resources"): NOW - 7.5 * DAY}, {}),
        ({("emails", "resources"): NOW - 9 * DAY}, {}),
        ({("messages", "tags"): NOW - 9 * DAY}, {}),
        ({("messages", "errors"): NOW - 9 * DAY}, {"kinds": ["errors"]}),
    ],
)
def test_what_details_were_never_kept_of_does_not_expire(
    since: dict[tuple[str, Kind], datetime], changes: dict[str, Any]
) -> None:
    """By kind and channel, from the oldest operation on; nothing failed has no errors to lose."""
    assert not plan_of(operation(8 * DAY), since=since, **changes).expired


@pytest.mark.parametrize("outcome", ["read", "empty"])
def test_what_was_read_before_retention_ended_is_not_expired(outcome: Any) -> None:
    """In whichever state it was."""
    state = operation(8 * DAY, version=9)
    reads = {key(state, "resources"): KindRead(outcome, NOW - 2 * DAY, 1)}
    since: dict[tuple[str, Kind], datetime] = {("messages", "resources"): NOW - 9 * DAY}

    assert not plan_of(state, reads=reads, since=since).expired


def test_a_plan_has_a_part_for_each_channel() -> None:
    """Together they are the whole plan."""
    states = [
        operation(age, channel=channel, total=total)
        for channel in ("messages", "emails")
        for age, total in ((DAY, 1), (2 * DAY, 99_000), (8 * DAY, 1))
    ]
    since: dict[tuple[str, Kind], datetime] = {
        (channel, "resources"): NOW - 9 * DAY for channel in ("messages", "emails")
    }
    plan = plan_of(*states, requests=2, since=since)

    parts = [plan.of(channel) for channel in ("messages", "emails", "push_notifications")]

    assert [part.requests for part in parts] == [1, 1, 0]
    assert [len(part.waiting) for part in parts] == [1, 1, 0]
    assert [len(part.expired) for part in parts] == [1, 1, 0]
    assert sum(part.count("unread") for part in parts) == plan.count("unread") == 2


ages = st.integers(0, 14 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
kinds_read = st.lists(st.sampled_from(KINDS), min_size=1, unique=True).map(
    lambda kinds: [kind for kind in KINDS if kind in kinds]
)
policies = st.builds(
    DetailsPolicy,
    kinds=kinds_read,
    requests=st.integers(1, 60),
    errors_per_operation=st.integers(1, 30),
    page_size=st.sampled_from([1, 100, 1000]),
    retention=st.sampled_from([2 * DAY, 7 * DAY]),
)
states = st.builds(
    OperationState,
    channel=st.sampled_from(["messages", "emails", "push_notifications"]),
    id=st.uuids().map(str),
    created_at=ages.map(lambda age: NOW - age),
    version=st.integers(0, 3),
    total=st.none() | st.integers(0, 3000),
    not_delivered=st.integers(0, 3),
)
worlds = st.lists(states, max_size=12, unique_by=lambda state: state.id)
earlier = st.one_of(
    st.none(),
    st.just(KindRead("expired", None, None)),
    st.builds(
        KindRead,
        st.sampled_from(["read", "empty"]),
        ages.map(lambda age: NOW - age),
        st.integers(0, 3),
    ),
)


@st.composite
def stored_reads(draw: st.DrawFn, world: list[OperationState]) -> dict[Key, KindRead]:
    """What may have been read of some operations."""
    found = {(state, kind): draw(earlier) for state in world for kind in KINDS}
    return {key(state, kind): read for (state, kind), read in found.items() if read}


worlds_with_reads = worlds.flatmap(lambda world: st.tuples(st.just(world), stored_reads(world)))
since_ever: Mapping[tuple[str, Kind], datetime] = {
    (channel, kind): NOW - 99 * DAY
    for channel in ("messages", "emails", "push_notifications")
    for kind in KINDS
}


@given(world=worlds_with_reads, policy=policies)
def test_a_plan_keeps_the_budget_and_wastes_none(
    world: tuple[list[OperationState], dict[Key, KindRead]], policy: DetailsPolicy
) -> None:
    """What waits would not have fitted; both are in order; no operation is in the plan twice."""
    operations, reads = world
    plan = plan_details(operations, reads, now=NOW, policy=policy, since=since_ever)

    assert plan.requests <= policy.requests
    assert all(due.requests > policy.requests - plan.requests for due in plan.waiting)
    for dues in (plan.due, plan.waiting):
        order = [(NEEDS.index(due.need), due.operation.created_at) for due in dues]
        assert order == sorted(order)
    ids = [due.operation.id for due in (*plan.due, *plan.waiting)]
    expired = {state.id for state, _ in plan.expired}
    assert len(ids) == len(set(ids))
    assert not expired & set(ids)


@given(world=worlds_with_reads, policy=policies)
def test_nothing_is_due_right_after_all_was_read(
    world: tuple[list[OperationState], dict[Key, KindRead]], policy: DetailsPolicy
) -> None:
    """And nothing expires twice."""
    operations, reads = world
    policy = replace(policy, requests=10**6)
    plan = plan_details(operations, reads, now=NOW, policy=policy, since=since_ever)
    assert not plan.waiting

    after = carried_out(plan, reads, now=NOW)
    again = plan_details(operations, after, now=NOW, policy=policy, since=since_ever)

    assert not again.due
    assert not again.expired


@given(world=worlds, policy=policies)
def test_all_is_read_in_the_end_if_the_budget_holds_the_largest(
    world: list[OperationState], policy: DetailsPolicy
) -> None:
    """Run after run, without a change: each operation once, and then nothing is due."""
    policy = replace(policy, retention=30 * DAY, requests=max(policy.requests, 3100))
    reads: dict[Key, KindRead] = {}
    read_of: list[str] = []
    for _ in range(len(world) + 1):
        plan = plan_details(world, reads, now=NOW, policy=policy, since={})
        read_of += [due.operation.id for due in plan.due]
        reads = carried_out(plan, reads, now=NOW)

    assert not plan.due
    assert not plan.waiting
    assert len(read_of) == len(set(read_of))


@given(steps=st.lists(st.tuples(st.integers(1, 24 * 60), st.booleans()), min_size=1, max_size=40))
def test_a_restless_operation_is_read_when_its_age_doubles_and_last_of_all(
    steps: list[tuple[int, bool]],
) -> None:
    """Before its last day no sooner; in it, what the last run saw is what is stored."""
    state, now = operation(timedelta(0)), NOW
    reads: dict[Key, KindRead] = {}
    read_at: list[datetime] = []
    for minutes, changes in steps:
        now += timedelta(minutes=minutes)
        state = replace(state, version=state.version + changes)
        plan = plan_of(state, reads=reads, now=now)
        reads = carried_out(plan, reads, now=now)
        read_at += [now] * len(plan.due)
        is_last_day = NOW + 7 * DAY - LAST_DAY <= now <= NOW + 7 * DAY
        if is_last_day:
            assert reads[key(state, "resources")].version == relevant(state, "resources")

    early = [at for at in read_at if at < NOW + 7 * DAY - LAST_DAY]
    assert all(
        later - sooner >= RATIO * (later - NOW) for sooner, later in itertools.pairwise(early)
    )


def test_resources_with_several_recipients_may_have_receipts() -> None:
    """As many requests are reserved as errors_per_operation allows."""
    group = replace(operation(DAY, total=1), recipients=8)
    large = replace(operation(DAY, total=50), recipients=90)
    plain = replace(operation(DAY, total=50), recipients=50)

    plan = plan_of(group, large, plain, kinds=["resources"])

    assert sorted(due.requests for due in plan.due) == [1, 1 + 1, 1 + 20]
