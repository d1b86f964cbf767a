"""Where a view draws a line: on which side of it lies what is exactly on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from comms_source.channels import CHANNELS, Channel
from tests.views.view_tables import (
    NOW,
    Operation,
    State,
    counted,
    operations_of,
    put_states,
    records,
    warehouse,
)
from tests.views.view_worlds import DAY, HOUR, SECOND, TICK


def settled(operation: Operation, *, unchanged: timedelta | None) -> Any:
    """Whether an operation is, whose state was first seen so long before it was last read."""
    last_read = operation.synced_at or operation.created_at
    with warehouse([operation]) as db:
        if unchanged is not None:
            shown = replace(operation, synced_at=last_read - unchanged)
            put_states(db, [State(shown=shown, valid_from=last_read)])
        (row,) = operations_of(db)
    return row["is_settled"]


@pytest.mark.parametrize("channel", CHANNELS)
def test_that_a_day_without_a_change_settles_what_has_ended(channel: str) -> None:
    """A day exactly does, a microsecond less does not, and nor does what nobody remembers."""
    ended = replace(counted(channel), created_at=NOW - 7 * DAY, synced_at=NOW)
    assert settled(ended, unchanged=DAY)
    assert not settled(ended, unchanged=DAY - TICK)
    assert not settled(ended, unchanged=None)
    assert not settled(replace(ended, status="PROCESSING"), unchanged=DAY)
    assert not settled(replace(ended, status="NEW"), unchanged=DAY)


@pytest.mark.parametrize("status", ["COMPLETED", "CANCELED", "NEW", None])
def test_that_the_end_of_retention_settles_what_is_not_open(status: str | None) -> None:
    """The API answers for an operation of seven days exactly, and not for an older one."""
    old = replace(counted("emails"), created_at=NOW - 7 * DAY, status=status)
    assert not settled(old, unchanged=None)
    assert settled(replace(old, created_at=NOW - 7 * DAY - TICK), unchanged=None)


@pytest.mark.parametrize("status", ["SCHEDULED", "PROCESSING"])
def test_that_age_alone_does_not_settle_what_is_open(status: str) -> None:
    """It may go on, as long as the API tells of it by id."""
    old = replace(counted("emails"), created_at=NOW - 60 * DAY, status=status)
    assert not settled(old, unchanged=50 * DAY)


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=lambda channel: channel.name)
def test_that_each_counter_has_the_same_bounds(channel: Channel) -> None:
    """From 0 to 10^12 it means something; beyond that it is unknown, and the row is called odd."""
    values = {0: True, 10**12: True, -1: False, 10**12 + 1: False}
    operations = {
        f"{counter} {value}": replace(
            Operation(channel=channel.name, counters={counter: value}), id=f"{counter} {value}"
        )
        for counter in channel.counters
        for value in values
    }
    with warehouse(operations.values()) as db:
        put_states(db, [State(shown=each, valid_from=NOW) for each in operations.values()])
        counted = records(db, "select * from comms.operation_counters")
        states = records(db, "select * from comms.operation_states")
    assert len(counted) == len(states) == len(operations)
    for row in [*counted, *states]:
        ((counter, value),) = operations[row["id"]].counters.items()
        assert value is not None
        assert row[counter] == (value if values[value] else None)
        assert row.get("is_odd", not values[value]) is not values[value]


def test_that_half_of_a_channel_is_not_most_of_it() -> None:
    """Where as many operations show the one reading as the other, all of them are listed."""
    exclusive = counted("messages", total=2, delivered=2)
    cumulative = counted("messages", total=2, sent=2, delivered=2)
    operations = [replace(exclusive, id="exclusive"), replace(cumulative, id="cumulative")]
    with warehouse(operations) as db:
        rows = records(db, "select id, contradiction from comms.stats_checks order by id")
    assert {row["id"]: row["contradiction"] for row in rows} == dict.fromkeys(
        ("cumulative", "exclusive"), "unlike most of the channel"
    )
    with warehouse([*operations, replace(exclusive, id="another")]) as db:
        assert [row["id"] for row in records(db, "select id from comms.stats_checks")] == [
            "cumulative"
        ]


def test_that_percentiles_go_by_nearest_rank() -> None:
    """Of 2,000 operations that took 1 to 2,000 seconds, the 1,000th is the half, and so on."""
    created = NOW - 2 * DAY
    states = [
        State(
            shown=Operation(
                channel="emails",
                id=str(seconds),
                counters={"recipients": 5},
                created_at=created,
                updated_at=created + (2001 - seconds) * SECOND,
                synced_at=created + seconds * SECOND,
            ),
            valid_from=created + seconds * SECOND,
        )
        for seconds in range(1, 2001)
    ]
    with warehouse() as db:
        put_states(db, states)
        (row,) = records(db, "select * from comms.completion_times")
    assert (row["size"], row["operations"]) == ("2 to 10", 2000)
    assert [row[f"p{part}_seconds_high"] for part in (50, 90, 99)] == [1000, 1800, 1980]
    assert [row[f"p{part}_seconds_reported"] for part in (50, 90, 99)] == [1000, 1800, 1980]
    assert [row[f"p{part}_seconds_low"] for part in (50, 90, 99)] == [0, 0, 0]


def test_that_times_are_between_the_last_look_and_the_first() -> None:
    """Seen open after 100.5 s and completed after 700.5 s: 100 s at least, 701 s at most."""
    created = NOW - DAY
    seen = {100.5: "PROCESSING", 700.5: "COMPLETED"}
    shown = [
        Operation(channel="emails", status=status, created_at=created, synced_at=created + after)
        for after, status in ((timedelta(seconds=each), status) for each, status in seen.items())
    ]
    begun = [each.synced_at or created for each in shown]
    with warehouse() as db:
        put_states(
            db,
            [
                State(shown=shown[0], valid_from=begun[0], valid_to=begun[1]),
                State(shown=shown[1], valid_from=begun[1]),
            ],
        )
        (row,) = records(db, "select * from comms.completion_times")
    assert (row["p50_seconds_low"], row["p50_seconds_high"]) == (100, 701)
    assert (row["size"], row["p50_seconds_reported"]) == ("not known", None)


def test_that_the_hundredth_place_goes_to_the_youngest() -> None:
    """Of those that lost alike the later created comes first, then the lesser id; 100 in all."""
    many = [_lost(f"many {number:03}", 5, age=2 * DAY) for number in range(98)]
    few = [
        _lost("old", 4, age=30 * DAY),
        _lost("twin b", 4, age=DAY),
        _lost("twin a", 4, age=DAY),
        _lost("less", 3, age=HOUR),
        _lost("too old", 9, age=30 * DAY + TICK),
    ]
    with warehouse([*many, *few]) as db:
        rows = records(db, "select * from comms.worst_operations order by loss_rank")
    assert [row["id"] for row in rows] == [*(each.id for each in many), "twin a", "twin b"]
    assert [row["loss_rank"] for row in rows] == list(range(1, 101))


def _lost(name: str, failed: int, *, age: timedelta) -> Operation:
    bare = counted("messages", total=failed, failed=failed)
    return replace(bare, id=name, created_at=NOW - age)


def test_that_a_curve_shows_what_was_known_at_an_age() -> None:
    """Of 10 deliveries 4 were known after an hour, 6 after three; another send was seen late."""
    created = NOW - 8 * DAY
    email = replace(
        counted("emails", total=10, sent=10, delivered=4),
        created_at=created,
        synced_at=created + HOUR,
    )
    later = replace(email, counters={**email.counters, "delivered": 6})
    last = replace(email, counters={**email.counters, "delivered": 10, "opened": 2})
    late = replace(last, id="late")
    times = [created + after * HOUR for after in (1, 3, 100)]
    with warehouse([last, late]) as db:
        put_states(
            db,
            [
                State(shown=email, valid_from=times[0], valid_to=times[1]),
                State(shown=later, valid_from=times[1], valid_to=times[2]),
                State(shown=last, valid_from=times[2]),
                State(shown=late, valid_from=times[2]),
            ],
        )
        rows = records(db, "select * from comms.settle_curve order by age_hours")
    known = {row["age_hours"]: (row["operations"], row["reached_share"]) for row in rows}
    assert known.keys() == {1, 3, 6, 12, 24, 48, 72, 96, 120, 144, 168}
    assert (known[1], known[3], known[96], known[120]) == ((1, 0.4), (1, 0.6), (1, 0.6), (2, 1.0))
    assert {row["engaged_share"] for row in rows if row["age_hours"] < 100} == {0.0}
