"""Values exactly on a limit of a view, and just beyond it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from comms_source.channels import CHANNELS
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
from tests.views.view_worlds import DAY, HOUR, SECOND, TICK, World, put_world


def finality(operation: Operation, *, unchanged: timedelta | None = None) -> Any:
    """The finality of an operation that was unchanged for this time when it was last read."""
    last_read = operation.synced_at or operation.created_at
    with warehouse([operation]) as db:
        if unchanged is not None:
            shown = replace(operation, synced_at=last_read - unchanged)
            put_states(db, [State(shown=shown, valid_from=last_read)])
        (row,) = operations_of(db)
    return row["finality"]


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_day_without_a_change_settles(channel: str) -> None:
    """Exactly one day does, a microsecond less does not, and neither does a missing history."""
    ended = replace(counted(channel), created_at=NOW - 7 * DAY, synced_at=NOW)
    assert finality(ended, unchanged=DAY) == "settled"
    assert finality(ended, unchanged=DAY - TICK) == "settling"
    assert finality(ended) == "settling"
    assert finality(replace(ended, status="NEW"), unchanged=DAY) == "settling"
    assert finality(replace(ended, status="PROCESSING"), unchanged=DAY) == "in_progress"


@pytest.mark.parametrize("status", ["COMPLETED", "CANCELED", "NEW", None])
def test_retention_makes_final_or_frozen(status: str | None) -> None:
    """If read six days after the request, or unchanged for a day, it is final; otherwise frozen."""
    created = NOW - 7 * DAY - TICK
    old = replace(counted("emails"), created_at=created, status=status)
    last_day = replace(old, synced_at=created + 6 * DAY)
    early = replace(old, synced_at=created + 6 * DAY - TICK)
    assert finality(last_day) == "final"
    assert finality(early) == finality(early, unchanged=DAY - TICK) == "frozen"
    assert finality(early, unchanged=DAY) == "final"
    assert finality(replace(last_day, created_at=NOW - 7 * DAY)) == "settling"


@pytest.mark.parametrize("status", ["SCHEDULED", "PROCESSING"])
def test_active_is_in_progress_until_it_is_not_found(status: str) -> None:
    """However old it is, until the API answers 404 to its id; then it is too old for an alert."""
    old = replace(counted("emails"), created_at=NOW - 60 * DAY, status=status, synced_at=NOW)
    assert finality(old, unchanged=50 * DAY) == "in_progress"
    lost = {"account": "acme", "channel": "emails", "operation_id": "op", "outcome": "not_found"}
    with warehouse([old]) as db:
        put_world(db, World(followed=[lost | {"asked_at": NOW - DAY}]))
        (row,) = operations_of(db)
        (stuck,) = records(db, "select reason, is_current from comms.stuck_operations")
    assert row["finality"] == "frozen"
    assert stuck == {"reason": "not_found", "is_current": False}


@pytest.mark.parametrize(("age", "is_current"), [(7 * DAY, True), (7 * DAY + TICK, False)])
def test_an_alert_ends_after_seven_days(age: timedelta, is_current: bool) -> None:
    """At exactly seven days it is still current."""
    waiting = replace(counted("emails", total=1, queued=1), created_at=NOW - age)
    with warehouse([waiting]) as db:
        assert records(db, "select is_current from comms.stuck_operations") == [
            {"is_current": is_current}
        ]


@pytest.mark.parametrize(("lateness", "reasons"), [(0 * TICK, []), (TICK, ["processing_too_long"])])
def test_an_hour_of_processing_is_not_stuck(lateness: timedelta, reasons: list[str]) -> None:
    """Only more than an hour is, from the end of its scheduled state to its last reading."""
    begun = NOW - DAY
    shown = replace(counted("emails"), created_at=NOW - 3 * DAY, status="PROCESSING")
    waiting = replace(shown, status="SCHEDULED", synced_at=shown.created_at)
    with warehouse([replace(shown, synced_at=begun + HOUR + lateness)]) as db:
        put_states(
            db,
            [
                State(shown=waiting, valid_from=waiting.created_at, valid_to=begun),
                State(shown=replace(shown, synced_at=begun), valid_from=begun),
            ],
        )
        found = [row["reason"] for row in records(db, "select * from comms.stuck_operations")]
    assert found == reasons


MODES: Final = {
    (99, 1): "exclusive",
    (98, 1): "undecided",
    (1, 99): "cumulative",
    (0, 0): "undecided",
}


@pytest.mark.parametrize("witnesses", MODES, ids=str)
def test_ninety_nine_of_a_hundred_decide(witnesses: tuple[int, int]) -> None:
    """This share of the decisive operations decides the channel's mode; a smaller one does not."""
    kinds = (
        counted("messages", total=2, delivered=2),
        counted("messages", total=2, sent=2, delivered=2),
    )
    operations = [
        replace(kind, id=f"{number} {place}")
        for number, (kind, count) in enumerate(zip(kinds, witnesses, strict=True))
        for place in range(count)
    ]
    with warehouse([*operations, counted("messages", total=2)]) as db:
        (row,) = records(db, "select * from comms.counter_modes")
    assert row["counter_mode"] == MODES[witnesses]
    assert (row["exclusive_operations"], row["cumulative_operations"]) == witnesses


def completed(name: str, seconds: int) -> State:
    """The history of an email to five recipients, first seen completed after `seconds`."""
    created = NOW - 2 * DAY
    shown = Operation(
        channel="emails",
        id=name,
        counters={"recipients": 5},
        created_at=created,
        updated_at=created + (2001 - seconds) * SECOND,
        synced_at=created + seconds * SECOND,
    )
    return State(shown=shown, valid_from=created + seconds * SECOND)


def test_percentiles_use_the_nearest_rank() -> None:
    """For 2,000 operations of 1 to 2,000 seconds, the 50th percentile is the 1,000th."""
    with warehouse() as db:
        put_states(db, [completed(str(seconds), seconds) for seconds in range(1, 2001)])
        rows = records(db, "select * from comms.completion_times order by percentile")
    assert {(row["size"], row["operations"], row["seconds_low"]) for row in rows} == {
        ("2 to 10", 2000, 0)
    }
    assert [(row["percentile"], row["seconds_high"]) for row in rows] == [
        (50, 1000),
        (90, 1800),
        (99, 1980),
    ]
    assert [row["reported_seconds"] for row in rows] == [1000, 1800, 1980]


def test_completed_in_time_includes_the_limit() -> None:
    """60 seconds are within a minute; 61 may be, because there was no reading before."""
    with warehouse() as db:
        put_states(db, [completed("60", 60), completed("61", 61)])
        (row,) = records(db, "select * from comms.completion_sla where within_minutes = 1")
    assert (row["within_low"], row["within_high"], row["operations"]) == (1, 2, 2)
    assert (row["share_low"], row["share_high"], row["share"]) == (0.5, 1.0, None)


def test_times_are_between_two_readings() -> None:
    """Seen active after 100.5 s and completed after 700.5 s: at least 100 s, at most 701 s."""
    created = NOW - DAY
    active, done = (
        Operation(
            channel="emails", status=status, created_at=created, synced_at=created + after * SECOND
        )
        for after, status in ((100.5, "PROCESSING"), (700.5, "COMPLETED"))
    )
    begun = [each.synced_at or created for each in (active, done)]
    with warehouse() as db:
        put_states(
            db,
            [
                State(shown=active, valid_from=begun[0], valid_to=begun[1]),
                State(shown=done, valid_from=begun[1]),
            ],
        )
        (row,) = records(db, "select * from comms.operation_completions")
    assert (row["seconds_low"], row["seconds_high"], row["seconds"]) == (100, 701, None)
    assert (row["size"], row["reported_seconds"]) == ("not known", None)


def failed(name: str, count: int, *, age: timedelta, total: int = 9) -> Operation:
    """An operation with a number of failed resources."""
    return replace(counted("messages", total=total, failed=count), id=name, created_at=NOW - age)


def test_the_hundredth_place_goes_to_the_youngest() -> None:
    """With equal failures, the later operation is first, then the smaller id; there are 100."""
    many = [failed(f"many {number:03}", 5, age=2 * DAY) for number in range(98)]
    few = [
        failed("old", 4, age=30 * DAY),
        failed("twin b", 4, age=DAY),
        failed("twin a", 4, age=DAY),
        failed("less", 3, age=HOUR),
        failed("too old", 9, age=30 * DAY + TICK),
    ]
    with warehouse([*many, *few]) as db:
        rows = records(db, "select * from comms.worst_operations order by place")
    assert [row["id"] for row in rows] == [*(each.id for each in many), "twin a", "twin b"]
    assert [row["place"] for row in rows] == list(range(1, 101))


def test_the_ranking_of_rates_needs_a_minimum_size() -> None:
    """A send of 200 is ranked by rate, a send of 199 is not."""
    operations = [
        failed("small", 199, age=DAY, total=199),
        failed("large", 10, age=DAY, total=200),
        failed("larger", 10, age=DAY, total=300),
    ]
    with warehouse(operations) as db:
        rows = records(db, "select * from comms.worst_operations order by ranking, place")
    assert [(row["ranking"], row["id"]) for row in rows] == [
        *(("count", name) for name in ("small", "large", "larger")),
        *(("rate", name) for name in ("large", "larger")),
    ]


def test_a_curve_shows_what_was_known_at_an_age() -> None:
    """4 of 10 deliveries after one hour, 6 after three; another send was seen later."""
    created = NOW - 8 * DAY
    times = [created + after * HOUR for after in (1, 3, 150)]
    bare = replace(counted("emails", total=10, sent=10), created_at=created)
    first, later, last = (
        replace(bare, counters={**bare.counters, "delivered": delivered}, synced_at=seen)
        for delivered, seen in zip((4, 6, 10), times, strict=True)
    )
    late = replace(last, id="late")
    with warehouse([last, late]) as db:
        put_states(
            db,
            [
                State(shown=first, valid_from=times[0], valid_to=times[1]),
                State(shown=later, valid_from=times[1], valid_to=times[2]),
                State(shown=last, valid_from=times[2]),
                State(shown=late, valid_from=times[2]),
            ],
        )
        rows = records(db, "select * from comms.settle_curve order by age_hours")
    known = {row["age_hours"]: (row["operations"], row["delivered_share"]) for row in rows}
    assert known.keys() == {1, 3, 6, 12, 24, 48, 72, 96, 120, 144, 168}
    assert (known[1], known[3], known[144], known[168]) == ((1, 0.4), (1, 0.6), (1, 0.6), (2, 1.0))
