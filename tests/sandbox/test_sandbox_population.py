"""The operations of the sandbox, as clients see them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comms_source.channels import CHANNELS, STATUSES
from comms_source.sandbox import (
    ACCOUNT_ID,
    AUTH_TOKEN,
    Clock,
    Request,
    SandboxModel,
    SandboxSettings,
)
from comms_source.sandbox.lifecycles import DAY, HOUR, plan_lifecycle, state_at
from comms_source.sandbox.population import GeneratedPopulation

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
MILLISECONDS_2019 = 1_546_300_800_000
AUTHORIZATION = "Basic " + base64.b64encode(f"{ACCOUNT_ID}:{AUTH_TOKEN}".encode()).decode()
STATES = (
    *("scheduled", "queued", "sent", "delivered", "read", "opened", "undelivered", "failed"),
    *("canceled", "unaddressable"),
)
FORWARD = {
    "SCHEDULED": set(STATUSES),
    "PROCESSING": {"PROCESSING", "COMPLETED"},
    "COMPLETED": {"COMPLETED"},
    "CANCELED": {"CANCELED"},
}

channels = st.sampled_from(list(CHANNELS))
instants = st.integers(min_value=MILLISECONDS_2019, max_value=MILLISECONDS_2019 + 5000 * DAY)


def model(**changes: Any) -> SandboxModel:
    """A sandbox without a socket, with a stopped clock."""
    return SandboxModel(SandboxSettings(**{"operations_per_week": 150, **changes}), Clock(NOW))


def population(channel: str, volume: int, **changes: Any) -> GeneratedPopulation:
    """The generated operations of one channel."""
    return GeneratedPopulation(
        CHANNELS[channel], SandboxSettings(operations_per_week=volume, **changes)
    )


def fetch(sandbox: SandboxModel, channel: str, operation_id: str) -> dict[str, Any] | None:
    """One operation by id; None if it is not found."""
    path = f"/{CHANNELS[channel].path}/Operations/{operation_id}"
    response = sandbox.respond(Request(path, authorization=AUTHORIZATION))
    assert response.status in {200, 404}
    row: dict[str, Any] = msgspec.json.decode(response.body)
    return row if response.status == 200 else None


@given(channels, st.integers(min_value=1, max_value=3000), instants, st.data())
def test_bisection_finds_the_same_range_as_a_search(
    channel: str, volume: int, instant: int, data: st.DataObject
) -> None:
    """At any volume and precision, at creation times and at other instants."""
    timestamps = data.draw(st.sampled_from(["seconds", "milliseconds"]))
    mine = population(channel, volume, timestamps=timestamps)
    middle = mine.first_from(instant)
    created = {number: mine.created(number) for number in range(middle - 40, middle + 40)}
    asked = data.draw(st.sampled_from([instant, *created.values()]))

    assert list(created.values()) == sorted(created.values())
    if min(created.values()) < asked <= max(created.values()):
        first = next(number for number, at in created.items() if at >= asked)
        assert mine.first_from(asked) == first


@pytest.mark.slow
@given(channels, st.integers(min_value=0, max_value=999), st.integers(min_value=1, max_value=999))
def test_a_seed_determines_all_operations(channel: str, seed: int, apart: int) -> None:
    """Equal seeds give equal operations, and different seeds have none in common."""
    one, same, other = (model(seed=each).truth(channel) for each in (seed, seed, seed + apart))

    assert one
    assert one == same
    assert not {row["id"] for row in one} & {row["id"] for row in other}


def test_ids_are_unique() -> None:
    """Across channels, and an id is found in its own channel only."""
    sandbox = model(operations_per_week=2000)
    ids = {channel: [row["id"] for row in sandbox.truth(channel)] for channel in CHANNELS}
    every = [each for channel in ids.values() for each in channel]

    assert len(every) == len(set(every)) > 5000
    for channel in CHANNELS:
        for other in CHANNELS:
            found = fetch(sandbox, channel, ids[other][-1]) is not None
            assert found == (channel == other)


@pytest.mark.parametrize(
    "alter",
    [
        lambda each: each[:-1] + ("0" if each[-1] != "0" else "1"),
        lambda each: each[:-1],
        lambda each: each + "0",
        lambda each: each.upper(),
        lambda each: each.removeprefix("comms_operation_"),
        lambda _: "comms_operation_",
        lambda _: "comms_operation_0%2f..",
        lambda _: "comms_operation_0\u0661\u0662",
    ],
)
def test_a_changed_id_is_not_found(alter: Any) -> None:
    """An id cannot be guessed from another one."""
    sandbox = model()

    assert fetch(sandbox, "emails", alter(sandbox.truth("emails")[-1]["id"])) is None


def test_days_are_busier_than_nights() -> None:
    """More than twice as many are created between 6:00 and 18:00 UTC."""
    mine = population("messages", 2000)
    hours = [
        datetime.fromtimestamp(mine.created(number) / 1000, UTC).hour for number in range(8000)
    ]
    by_day = sum(6 <= hour < 18 for hour in hours)

    assert by_day > 2 * (len(hours) - by_day)


@pytest.mark.slow
@settings(max_examples=150)
@given(
    channels,
    st.integers(min_value=0),
    st.lists(st.integers(min_value=0, max_value=7 * DAY), min_size=2, max_size=6),
    st.sampled_from(["exclusive", "cumulative"]),
    st.sampled_from(["seconds", "milliseconds"]),
)
def test_an_operation_has_one_lifecycle_in_any_order_of_requests(
    channel: str, which: int, ages: list[int], reading: str, timestamps: str
) -> None:
    """Equal times give equal states, statuses go forward, and `updatedAt` is in the past."""
    sandbox = model(readings={channel: reading}, timestamps=timestamps)
    truth = sandbox.truth(channel)
    first = truth[which % len(truth)]
    created = datetime.fromisoformat(first["createdAt"])

    seen = {}
    for age in ages:
        sandbox.clock.set(created + timedelta(milliseconds=age))
        seen[age] = fetch(sandbox, channel, first["id"])
    for age in reversed(ages):
        sandbox.clock.set(created + timedelta(milliseconds=age))
        assert fetch(sandbox, channel, first["id"]) == seen[age]

    rows = [(age, row) for age, row in sorted(seen.items()) if row is not None]
    assert len(rows) == len(seen)
    for age, row in rows:
        updated = datetime.fromisoformat(row["updatedAt"])
        assert created <= updated <= created + timedelta(milliseconds=age)
        assert row["createdAt"] == first["createdAt"]
        assert row["stats"].keys() == set(CHANNELS[channel].counters)
        assert min(row["stats"].values()) >= 0
    for (_, before), (_, after) in pairwise(rows):
        assert after["status"] in FORWARD[before["status"]]
        assert before["updatedAt"] <= after["updatedAt"]


@given(
    channels,
    st.integers(min_value=0, max_value=2**63),
    st.integers(min_value=0, max_value=20 * DAY),
)
def test_exclusive_counters_never_exceed_the_total(channel: str, key: int, age: int) -> None:
    """Each resource has one state, and unaddressable recipients have no other one."""
    life = plan_lifecycle(channel=CHANNELS[channel], created=0, key=key)
    stats = state_at(life, age, cumulative=False).stats

    assert sum(stats.get(name, 0) for name in STATES) <= stats["total"]


@given(channels, st.integers(min_value=0, max_value=2**63))
def test_final_exclusive_counters_add_up_to_the_total(channel: str, key: int) -> None:
    """Except for groups, which have no states."""
    life = plan_lifecycle(channel=CHANNELS[channel], created=0, key=key)
    state = state_at(life, 30 * DAY, cumulative=False)
    states = sum(state.stats.get(name, 0) for name in STATES)

    assert state.status in {"COMPLETED", "CANCELED"}
    assert states == (0 if life.kind == "group" else life.total)
    assert state.stats["scheduled"] == state.stats["queued"] == 0


@given(st.integers(min_value=0, max_value=2**63), st.integers(min_value=0, max_value=20 * DAY))
def test_a_group_message_has_no_state_at_any_age(key: int, age: int) -> None:
    """One message with several recipients, and every status counter is 0."""
    life = plan_lifecycle(channel=CHANNELS["messages"], created=0, key=key)
    if life.kind == "group":
        stats = state_at(life, age, cumulative=False).stats
        assert [stats[name] for name in STATES if name in stats] == [0] * 9
        assert stats["total"] == 1 < stats["recipients"]


def test_pushes_have_no_delivery_counters() -> None:
    """A sent push stays sent."""
    rows = model().truth("push_notifications")

    assert not {"delivered", "undelivered", "opened", "read", "attempts"} & rows[0]["stats"].keys()
    assert any(row["stats"]["sent"] for row in rows)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_fetch_returns_the_row_of_the_list(channel: str) -> None:
    """For every operation of the list."""
    sandbox = model()

    assert all(fetch(sandbox, channel, row["id"]) == row for row in sandbox.truth(channel))


def test_an_operation_is_shown_until_its_retention_ends() -> None:
    """To the millisecond, by lists and by fetches."""
    sandbox = model(retention=timedelta(days=2), timestamps="milliseconds")
    row = sandbox.truth("emails")[-1]
    last = datetime.fromisoformat(row["createdAt"]) + timedelta(days=2)

    for after, shown in ((0, True), (1, False)):
        sandbox.clock.set(last + timedelta(milliseconds=after))
        assert (fetch(sandbox, "emails", row["id"]) is not None) == shown
        assert (row["id"] in {each["id"] for each in sandbox.truth("emails")}) == shown


def test_an_operation_is_not_shown_before_it_is_created() -> None:
    """An id from the future is not found."""
    sandbox = model()
    row = sandbox.truth("emails", NOW + timedelta(days=1))[-1]

    assert fetch(sandbox, "emails", row["id"]) is None
    assert row["id"] not in {each["id"] for each in sandbox.truth("emails")}


def test_lists_may_show_operations_past_retention() -> None:
    """About half of them, the same ones each time; fetches never do."""
    sandbox = model(past_retention="partial", operations_per_week=400)
    edge = (NOW - timedelta(days=7)).isoformat().replace("+00:00", "Z")
    older = [row for row in sandbox.truth("emails") if row["createdAt"] < edge]
    every = sandbox.truth("emails", NOW - timedelta(days=7))

    assert 0 < len(older) < 3 * 400
    assert {row["id"] for row in older} & {row["id"] for row in every}
    assert all(fetch(sandbox, "emails", row["id"]) is None for row in older)
    assert older == [row for row in sandbox.truth("emails") if row["createdAt"] < edge]


def test_operations_not_listed_yet_can_be_fetched() -> None:
    """The lag affects lists only, and is fixed per operation, so that none disappears again."""
    lag = timedelta(hours=3)
    sandbox, prompt = model(visibility_lag=lag), model()
    every = {row["id"] for row in prompt.truth("emails")}
    listed = {row["id"] for row in sandbox.truth("emails")}
    late = every - listed

    assert late
    assert listed < every
    assert all(fetch(sandbox, "emails", each) is not None for each in late)
    sandbox.clock.advance(lag)
    assert late <= {row["id"] for row in sandbox.truth("emails")}


def test_updated_at_mostly_changes_after_completion() -> None:
    """For some operations it does not, although their counters change."""
    changes = {True: 0, False: 0}
    for key in range(2000):
        life = plan_lifecycle(channel=CHANNELS["messages"], created=0, key=key)
        early, late = (
            state_at(life, life.end + after, cumulative=True) for after in (HOUR, 2 * DAY)
        )
        if life.kind == "sent" and early.stats != late.stats:
            changes[early.updated != late.updated] += 1

    assert changes[True] > 5 * changes[False] > 0
