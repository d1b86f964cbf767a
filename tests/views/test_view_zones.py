"""Days and hours in the reporting time zone, also when clocks change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest

from comms_source.views.settings import ViewSettings
from tests.views.expectations import disagreements
from tests.views.view_tables import Operation, records, warehouse
from tests.views.view_worlds import DAY, HOUR, Chance, World, put_world, random_world

BERLIN_SET_BACK: Final = datetime(2026, 10, 25, 1, tzinfo=UTC)
BERLIN_SET_FORWARD: Final = datetime(2026, 3, 29, 1, tzinfo=UTC)
QUARTER: Final = timedelta(minutes=15)


def world_around(instant: datetime, now: datetime) -> World:
    """Random data, and an email at each quarter of an hour in the half day around an instant."""
    chance = Chance(8)
    chance.now = now
    beside = random_world(chance, 120)
    emails = [
        Operation(
            channel="emails",
            counters={"total": number},
            id=str(number),
            created_at=instant + number * QUARTER,
        )
        for number in range(-24, 25)
    ]
    return replace(beside, operations=[*beside.operations, *emails])


def days_after(instant: datetime, zone: str) -> ViewSettings:
    """The settings of views in a zone, a few days after the instant."""
    return ViewSettings(time_zone=zone, now=instant + 3.4 * DAY)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("zone", "around", "session"),
    [
        ("Europe/Berlin", BERLIN_SET_BACK, "America/New_York"),
        ("Europe/Berlin", BERLIN_SET_FORWARD, "Europe/Berlin"),
        ("Asia/Kolkata", BERLIN_SET_BACK, "Europe/London"),
    ],
)
def test_all_views_in_a_zone(zone: str, around: datetime, session: str) -> None:
    """They are as defined in any session, also on days of 23 or 25 hours."""
    settings = days_after(around, zone)
    assert settings.now is not None
    world = world_around(around, settings.now)
    with warehouse(settings=settings) as db:
        put_world(db, world)
        db.execute(f"set timezone = '{session}'")
        assert disagreements(db, world, settings) == {}


def test_the_repeated_hour_is_one_row() -> None:
    """In Berlin, 2:15 occurs in summer time and again in winter time."""
    instants = [BERLIN_SET_BACK + offset * QUARTER for offset in (-5, -3, 1, 5)]
    operations = [
        Operation(channel="emails", id=str(number), created_at=instant)
        for number, instant in enumerate(instants)
    ]
    with warehouse(operations, settings=days_after(BERLIN_SET_BACK, "Europe/Berlin")) as db:
        hours = records(db, "select hour, hour_of_day, operations from comms.hourly_volume")
        days = records(db, "select day, operations from comms.daily_delivery")
    assert sorted((row["hour"].hour, row["hour_of_day"], row["operations"]) for row in hours) == [
        (1, 1, 1),
        (2, 2, 2),
        (3, 3, 1),
    ]
    assert days == [{"day": date(2026, 10, 25), "operations": 4}]


def test_hours_begin_on_the_wall_clock() -> None:
    """In Kolkata, hours and days begin at half past an hour of UTC."""
    half_past = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
    operations = [
        Operation(channel="emails", id=str(offset), created_at=half_past + offset * QUARTER)
        for offset in (-1, 0, 1)
    ]
    with warehouse(operations, settings=days_after(BERLIN_SET_BACK, "Asia/Kolkata")) as db:
        hours = records(db, "select hour, day, operations from comms.hourly_volume order by hour")
    assert [tuple(row.values()) for row in hours] == [
        (datetime(2026, 11, 20, 23), date(2026, 11, 20), 1),
        (datetime(2026, 11, 21, 0), date(2026, 11, 21), 2),
    ]


def test_the_coverage_of_a_day_of_25_hours() -> None:
    """If clocks are set back, a day that was read except its last hour is covered to 96 %."""
    midnight = BERLIN_SET_BACK - 3 * HOUR
    read = {
        "account": "acme",
        "channel": "emails",
        "window_start": midnight,
        "window_end": midnight + 24 * HOUR,
        "read_at": midnight + DAY,
        "is_complete": True,
    }
    email = Operation(channel="emails", created_at=BERLIN_SET_BACK)
    with warehouse([email], settings=days_after(BERLIN_SET_BACK, "Europe/Berlin")) as db:
        put_world(db, World(coverage=[read]))
        (day,) = records(db, "select covered_share from comms.daily_delivery")
        (hour,) = records(db, "select covered_share from comms.hourly_volume")
    assert (day["covered_share"], hour["covered_share"]) == (24 / 25, 1)
