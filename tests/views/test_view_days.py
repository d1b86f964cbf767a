"""Rows in, rows out: nothing is counted twice, nothing is lost, and a day is a day."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import duckdb
import pytest

from comms_source.channels import CHANNELS
from tests.views.view_tables import (
    Operation,
    counted,
    days_of,
    operations_of,
    records,
    warehouse,
)


def many_operations() -> list[Operation]:
    """Three accounts that use the same ids in all channels, on a dozen days."""
    chance = random.Random(5)
    start = datetime(2026, 10, 28, tzinfo=UTC)
    return [
        Operation(
            channel=channel,
            counters={name: chance.randint(0, 9) for name in CHANNELS[channel].counters},
            id=f"op{number}",
            account=account,
            status=chance.choice(("SCHEDULED", "PROCESSING", "COMPLETED", "CANCELED", "NEW")),
            created_at=start + timedelta(minutes=chance.randint(0, 12 * 1440)),
        )
        for channel in CHANNELS
        for account in ("acme", "globex", "initech")
        for number in range(chance.randint(20, 60))
    ]


def value(db: duckdb.DuckDBPyConnection, query: str) -> Any:
    """The one value that a query gives."""
    (row,) = db.execute(query).fetchall()
    return row[0]


def test_that_each_operation_is_one_row() -> None:
    """The same id in several accounts and channels fans nothing out and hides nothing."""
    operations = many_operations()
    with warehouse(operations) as db:
        rows = operations_of(db)
    assert Counter((row["account"], row["channel"], row["id"]) for row in rows) == Counter(
        (each.account, each.channel, each.id) for each in operations
    )


def test_that_each_day_of_an_account_and_channel_is_one_row() -> None:
    """There is a row where there are operations, one only, and none for empty days."""
    operations = many_operations()
    with warehouse(operations) as db:
        days = days_of(db)
    expected = Counter((each.created_at.date(), each.account, each.channel) for each in operations)
    assert {(day["day"], day["account"], day["channel"]): day["operations"] for day in days} == (
        dict(expected)
    )


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=lambda channel: channel.name)
def test_that_days_add_up_to_the_table(channel: Any) -> None:
    """For each counter, the sum of all days is the sum of the channel's table."""
    with warehouse(many_operations()) as db:
        for counter in channel.counters:
            of_days = value(
                db,
                f"select sum({counter}) from comms.daily_delivery where channel = '{channel.name}'",
            )
            assert of_days == value(db, f"select sum({counter}) from comms.{channel.table}")


def test_that_the_statuses_of_a_day_are_counted_apart() -> None:
    """Completed, canceled and open operations are counted; those of a new status are the rest."""
    statuses = ["COMPLETED"] * 4 + ["CANCELED"] * 3 + ["SCHEDULED", "PROCESSING", "NEW", None]
    operations = [
        Operation(channel="emails", id=str(number), status=status)
        for number, status in enumerate(statuses)
    ]
    with warehouse(operations) as db:
        (day,) = days_of(db)
    counts = ("operations", "completed_operations", "canceled_operations", "open_operations")
    assert [day[name] for name in counts] == [11, 4, 3, 2]


def test_that_a_rate_of_a_day_is_a_ratio_of_sums() -> None:
    """One large operation outweighs many small ones; a mean of rates would say 67 %."""
    operations = [
        Operation(channel=bare.channel, counters=bare.counters, id=str(number))
        for number, bare in enumerate(
            [
                counted("messages", total=998, delivered=0, failed=998),
                counted("messages", total=1, delivered=1),
                counted("messages", total=1, delivered=1),
            ]
        )
    ]
    with warehouse(operations) as db:
        (day,) = days_of(db)
    assert day["delivery_rate"] == 2 / 1000


def test_that_an_operation_that_tells_one_side_only_spoils_no_rate() -> None:
    """Its counter is in the day's sum, but not in a rate whose other side it leaves open."""
    whole = counted("messages", total=4, delivered=3, failed=1)
    half = counted("messages", total=None, canceled=2, delivered=6, failed=None)
    operations = [
        Operation(channel=bare.channel, counters=bare.counters, id=str(number))
        for number, bare in enumerate((whole, half))
    ]
    with warehouse(operations) as db:
        (day,) = days_of(db)
    assert (day["canceled"], day["cancel_rate"]) == (2, 0.0)
    assert (day["delivered"], day["delivery_rate"]) == (9, 0.75)


def test_that_a_sum_of_nothing_known_is_unknown() -> None:
    """A day of pushes has no deliveries to sum, which is not the same as 0 deliveries."""
    with warehouse([counted("push_notifications", total=3, sent=3)]) as db:
        (day,) = days_of(db)
    assert (day["sent"], day["delivered"], day["reached_low"]) == (3, None, None)
    assert (day["delivery_rate"], day["acceptance_rate"]) == (None, 1.0)


ZONES = ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York", "Asia/Kolkata")


@pytest.mark.parametrize("zone", ZONES)
def test_that_days_are_days_in_utc_whatever_the_session_says(zone: str) -> None:
    """Midnight is at 00:00 UTC for everybody, so two people get the same report."""
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    instants = {
        "before": midnight - timedelta(microseconds=1),
        "at": midnight,
        "after": midnight.astimezone(timezone(timedelta(hours=-11))) + timedelta(hours=23),
    }
    operations = [
        Operation(channel="emails", id=name, created_at=instant)
        for name, instant in instants.items()
    ]
    with warehouse(operations) as db:
        db.execute(f"set timezone = '{zone}'")
        found = {day["day"]: day["operations"] for day in days_of(db)}
    assert found == {date(2026, 11, 19): 1, date(2026, 11, 20): 2}


def test_that_a_view_made_in_another_zone_has_the_same_days() -> None:
    """The zone of the session that made the view is not kept in it."""
    operation = Operation(channel="emails", created_at=datetime(2026, 11, 20, 23, 59, tzinfo=UTC))
    with warehouse([operation], path=":memory:") as db:
        db.execute("set timezone = 'Pacific/Kiritimati'")
        db.execute("create view comms.mine as select * from comms.daily_delivery")
        db.execute("set timezone = 'UTC'")
        assert records(db, "select day from comms.mine") == [{"day": date(2026, 11, 20)}]


def test_that_empty_tables_give_empty_views() -> None:
    """Before the first operation there is no row, rather than a row of zeros."""
    with warehouse() as db:
        assert operations_of(db) == []
        assert days_of(db) == []


def test_that_one_empty_channel_hides_no_other() -> None:
    """An account that sends no pushes still has its emails in both views."""
    with warehouse([counted("emails", total=1, sent=1, delivered=1)]) as db:
        assert [row["channel"] for row in operations_of(db)] == ["emails"]
        assert [day["channel"] for day in days_of(db)] == ["emails"]
