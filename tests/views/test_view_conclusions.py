"""The views in cases that are easily misread.

The cases are W1 to W14 of section 5 of the reference on metrics.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

import duckdb
import pytest

from comms_source.channels import CHANNELS
from comms_source.views.files import public_views
from comms_source.views.macros import documented_columns
from comms_source.views.settings import ViewSettings
from comms_source.views.statements import view_statements
from tests.views.view_tables import (
    NOW,
    Operation,
    Record,
    State,
    counted,
    days_of,
    empty_tables,
    measured,
    operations_of,
    records,
    warehouse,
)
from tests.views.view_worlds import DAY, HOUR, SECOND, World, put_world


def sent(name: str, *, age: float, channel: str = "messages", **counters: int) -> Operation:
    """A completed operation that was requested `age` days ago and read now."""
    shown = counted(channel, **counters)
    return replace(shown, id=name, created_at=NOW - age * DAY, synced_at=NOW)


def states(*seen: Operation) -> list[State]:
    """The history of one operation, each state valid until the next one was read."""
    begins = [each.synced_at or NOW for each in seen]
    ends = [*begins[1:], None]
    return [
        State(shown=shown, valid_from=begin, valid_to=end)
        for shown, begin, end in zip(seen, begins, ends, strict=True)
    ]


def unchanged(operation: Operation) -> State:
    """Its only state, since an hour after the request."""
    begin = operation.created_at + HOUR
    return State(shown=replace(operation, synced_at=begin), valid_from=begin)


def read_all(channel: str, *, days: float) -> Record:
    """A coverage row: all of the last `days` was read completely, now."""
    return {
        "account": "acme",
        "channel": channel,
        "window_start": NOW - days * DAY,
        "window_end": NOW,
        "read_at": NOW,
        "rows_read": 1,
        "is_complete": True,
    }


def test_missing_receipts_are_not_counted_as_success() -> None:
    """W1. Half of a day has no receipt: 98 % of known outcomes are good, half is unconfirmed."""
    silent = sent("silent", age=3, total=1000, sent=1000)
    confirmed = sent("confirmed", age=3, total=1000, delivered=980, undelivered=20)
    with warehouse([silent, confirmed]) as db:
        put_world(db, World(states=[unchanged(silent), unchanged(confirmed)]))
        (day,) = days_of(db)
        rows = {row["id"]: row for row in operations_of(db)}
    assert (day["finality"], day["delivery_rate_of_known"], day["delivery_rate"]) == (
        "settled",
        0.98,
        0.49,
    )
    assert (day["unconfirmed"], day["unconfirmed_rate"]) == (1000, 0.5)
    assert (rows["silent"]["unconfirmed"], rows["silent"]["delivery_rate"]) == (1000, 0)
    assert rows["confirmed"]["unconfirmed"] == 0


def test_missing_receipts_show_in_the_trend() -> None:
    """W1. The share of sends without an outcome is compared with the usual share at that age."""
    operations = [
        sent(f"{age}", age=age + 0.5, total=1000, sent=10 if age else 400, delivered=600)
        for age in range(8)
    ]
    with warehouse(operations) as db:
        history = [unchanged(each) for each in operations]
        put_world(db, World(states=history, coverage=[read_all("messages", days=9)]))
        row = trend(db, "without_outcome_rate")
    assert (row["value"], row["usual_high"], row["usual_days"]) == (0.4, 0.01, 7)


def trend(db: duckdb.DuckDBPyConnection, measure: str) -> Record:
    """The row of the last day in the view `delivery_trend`."""
    query = "select * from comms.delivery_trend where period = 'day' and measure = "
    (row,) = records(db, f"{query} '{measure}'")
    return row


def growing(created: datetime, name: str) -> list[Operation]:
    """A send that is delivered to 70 % after an hour, and to 90 % after twenty."""
    shown = replace(counted("messages", total=1000), id=name, created_at=created)
    first = {**shown.counters, "delivered": 700, "failed": 100, "sent": 200}
    last = {**first, "delivered": 900, "sent": 0}
    young = replace(shown, counters=first, synced_at=created + HOUR)
    return [young, replace(shown, counters=last, synced_at=created + 20 * HOUR)]


def test_days_are_compared_at_one_age() -> None:
    """W2, W5. Today's sends lag behind the final figures of last week, and not behind their own."""
    sends = [growing(NOW - 6 * HOUR - ago * DAY, f"{ago}") for ago in range(8)]
    seen = [[each for each in send if (each.synced_at or NOW) <= NOW] for send in sends]
    with warehouse([replace(send[-1], synced_at=NOW) for send in seen]) as db:
        history = [state for send in seen for state in states(*send)]
        put_world(db, World(states=history, coverage=[read_all("messages", days=9)]))
        rates = [day["delivery_rate"] for day in days_of(db)]
        row = trend(db, "delivery_rate")
        ages = records(db, "select * from comms.daily_delivery_at_age where age_hours = 1")
    assert (rates[0], rates[-1]) == (0.9, 0.7)
    assert (row["value"], row["previous_value"], row["change"]) == (0.7, 0.7, 0)
    assert [each["delivery_rate"] for each in ages] == [0.7] * 8


def test_operations_that_were_read_too_early_are_frozen() -> None:
    """W3. If loads stop for almost seven days, the row is not final, and not in the curve."""
    created = NOW - 8 * DAY
    early = replace(sent("early", age=8, total=9, sent=3, delivered=6), synced_at=created + HOUR)
    late = replace(sent("late", age=8, total=9, delivered=9), synced_at=NOW - 1.5 * DAY)
    first = replace(late, synced_at=created + HOUR / 4)
    with warehouse([early, late]) as db:
        put_world(db, World(states=[*states(early), *states(first)]))
        found = {row["id"]: row["finality"] for row in operations_of(db)}
        (day,) = days_of(db)
        curve = records(db, "select distinct operations from comms.settle_curve")
    assert found == {"early": "frozen", "late": "final"}
    assert (day["frozen_operations"], day["finality"]) == (1, "frozen"), "not all of it is final"
    assert curve == [{"operations": 1}]


@pytest.mark.parametrize(("days", "growth"), [(7, None), (20, 2.0)])
def test_growth_needs_both_periods(days: float, growth: float | None) -> None:
    """W4. On the second day after installation there is no growth."""
    operations = [sent("now", age=0.5, total=300), sent("then", age=7.5, total=100)]
    with warehouse(operations) as db:
        put_world(
            db,
            World(
                states=[unchanged(each) for each in operations],
                coverage=[read_all("messages", days=days)],
            ),
        )
        row = trend(db, "requested")
        (today, before) = sorted(days_of(db), key=lambda day: day["requested"], reverse=True)
    assert row["growth"] == growth
    assert (row["covered_share"], row["previous_covered_share"]) == (1, 1 if growth else 0)
    assert today["covered_share"] == 1
    assert (before["covered_share"] == 1) is (growth is not None)


def test_finality_is_measured_by_volume() -> None:
    """W5. Small sends settle first: nine of ten operations are less than a tenth of the volume."""
    small = [sent(f"small {number}", age=3, total=10, delivered=10) for number in range(9)]
    large = sent("large", age=3, total=1000, sent=1000)
    with warehouse([*small, large]) as db:
        put_world(db, World(states=[unchanged(each) for each in small]))
        rows = records(db, "select * from comms.daily_finality")
    found = {row["finality"]: (row["operations"], row["requested"]) for row in rows}
    assert found == {"settled": (9, 90), "settling": (1, 1000)}


REJECTED_NAMES: Final = (
    *("reached", "arrived", "lost", "missed", "losses", "total", "resources"),
    *("attempted_delivery_rate", "failure_rate", "open_operations", "is_settled", "is_open"),
    *("stats_reading", "stats_check", "reading", "last_read_at"),
)


def test_names_have_one_meaning() -> None:
    """W6. Settled is documented as unchanged for a day, and no column has a misleading name."""
    for view in public_views():
        assert view.columns.keys().isdisjoint(REJECTED_NAMES), view.name
        comment = view.columns.get("finality", "settled (unchanged for a day)")
        assert "settled (unchanged for a day)" in comment


def test_one_row_does_not_change_a_channels_mode() -> None:
    """W7. Nor does an impossible row, and no share exceeds 1."""
    plain = [sent(f"{number}", age=3, total=2, delivered=2) for number in range(99)]
    impossible = sent("impossible", age=3, total=1, sent=1, failed=1)
    unlike = sent("unlike", age=3, total=2, sent=2, delivered=2)
    unclear = sent("unclear", age=3, total=9, sent=4, delivered=4)
    with warehouse([*plain, impossible, unlike, unclear]) as db:
        (mode,) = records(db, "select * from comms.counter_modes")
        rows = {row["id"]: row for row in operations_of(db)}
        checks = records(db, "select id, problem from comms.counter_checks order by id")
        (day,) = days_of(db)
    assert (mode["counter_mode"], mode["inconsistent_operations"]) == ("exclusive", 1)
    assert (rows["unclear"]["delivered"], rows["unclear"]["counter_mode"]) == (4, "exclusive")
    assert [(row["id"], row["problem"]) for row in checks] == [
        ("impossible", "fits_no_mode"),
        ("unlike", "differs_from_channel"),
    ]
    for row in [*rows.values(), day]:
        assert all(value <= 1 for name, value in row.items() if "_rate" in name and value)


def test_pushes_with_receipts_are_delivered() -> None:
    """W8. Undocumented counters are used if the table has them."""
    table = CHANNELS["push_notifications"].table
    columns = documented_columns() | {(table, "delivered"), (table, "undelivered")}
    with empty_tables() as db:
        for name in ("delivered", "undelivered"):
            db.execute(f"alter table comms.{table} add column {name} bigint")
        for view in view_statements(dialect="duckdb", dataset="comms", columns=columns):
            db.execute(view.create)
        counters = dict.fromkeys(CHANNELS["push_notifications"].counters, 0)
        row = counters | {"total": 100, "delivered": 95, "undelivered": 0, "failed": 5}
        names = ", ".join(row)
        values = ", ".join(map(str, row.values()))
        db.execute(
            f"insert into comms.{table} (account, id, status, created_at, synced_at, {names})"
            f" values ('acme', 'guide', 'COMPLETED', now(), now(), {values})"
        )
        (found,) = operations_of(db)
    assert (found["delivered"], found["delivery_rate"], found["acceptance_rate"]) == (
        95,
        0.95,
        0.95,
    )


def test_pushes_without_receipts_are_accepted() -> None:
    """W8. Whether they were delivered is not known."""
    row = measured(sent("push", age=3, channel="push_notifications", total=9, sent=8, failed=1))
    assert (row["accepted"], row["acceptance_rate"]) == (8, 8 / 9)
    assert (row["delivered"], row["delivery_rate"], row["unconfirmed"]) == (None, None, None)


@pytest.mark.parametrize("total", [100, 60])
def test_recipients_without_an_address_are_not_attempted(total: int) -> None:
    """W9. If 40 of 100 have no address, 60 are attempted, also if `total` includes the 40."""
    row = measured(
        sent(
            "list", age=3, total=total, recipients=100, unaddressable=40, attempts=60, delivered=60
        )
    )
    assert (row["attempted"], row["delivery_rate"], row["unaddressable_rate"]) == (60, 1, 0.4)


def test_views_have_their_settings() -> None:
    """W10. The settings of the views can be read, and compared with the configuration."""
    settings = ViewSettings(
        time_zone="Asia/Kolkata",
        counter_mode={"emails": "cumulative"},
        retention=5 * DAY,
        stuck_after=HOUR / 3,
        alert_volume=1_234_567,
        alert_points=1 / 3,
        alert_days=3,
        now=NOW,
    )
    with warehouse(settings=settings, path=":memory:") as db:
        rows = records(db, "select setting, value from comms.view_settings")
    read = ViewSettings.from_texts({row["setting"]: row["value"] for row in rows})
    assert read == replace(settings, now=None)
    assert read.differing(ViewSettings()) == [
        *("counter_mode", "time_zone", "retention", "stuck_after"),
        *("alert_volume", "alert_points", "alert_days"),
    ]


def test_delivered_includes_what_was_read() -> None:
    """W11. The API's counter means delivered and not read yet; the view's column includes both."""
    operation = sent("op", age=3, total=10, delivered=4, read=6)
    with warehouse([operation]) as db:
        put_world(db, World(states=states(operation)))
        (row,) = operations_of(db)
        (state,) = records(db, "select * from comms.operation_states")
    assert (row["delivered"], row["api_delivered"]) == (10, 4)
    assert (state["delivered"], state["api_delivered"]) == (10, 4)


@pytest.mark.parametrize(("read_at", "is_limited"), [(0, True), (1_699, False)])
def test_times_are_no_more_precise_than_the_readings(read_at: int, is_limited: bool) -> None:
    """W12. Without a reading in between, a time is marked as limited by how often data is read."""
    done = sent("op", age=1, channel="emails", total=1, recipients=1, delivered=1)
    seen = [
        replace(done, status=status, synced_at=done.created_at + after * SECOND)
        for after, status in ((read_at, "PROCESSING"), (1_700, "COMPLETED"))
    ]
    with warehouse() as db:
        put_world(db, World(states=states(*seen)))
        rows = records(db, "select * from comms.completion_times")
        (operation,) = records(db, "select * from comms.operation_completions")
    assert {row["is_limited"] for row in rows} == {is_limited}
    assert {(row["seconds_low"], row["seconds_high"], row["seconds"]) for row in rows} == {
        (read_at, 1_700, None)
    }
    assert (operation["seconds_low"], operation["seconds_high"]) == (read_at, 1_700)


def test_nothing_is_in_flight_for_two_months() -> None:
    """W13. Resources without an outcome after sixty days are unconfirmed."""
    row = measured(sent("op", age=60, total=100, sent=100), mode="exclusive")
    assert (row["in_flight"], row["unconfirmed"], row["finality"]) == (0, 100, "final")
    young = measured(sent("op", age=1, total=100, sent=100), mode="exclusive")
    assert (young["in_flight"], young["unconfirmed"], young["finality"]) == (100, 0, "settling")


def test_old_stuck_operations_are_not_current() -> None:
    """W14. Operations that have been stuck for too long to act on are listed as not current."""
    operations = [sent(name, age=age, total=5, queued=5) for name, age in (("new", 3), ("old", 30))]
    with warehouse(operations) as db:
        rows = records(db, "select id, reason, is_current from comms.stuck_operations")
    assert {row["id"]: row["is_current"] for row in rows} == {"new": True, "old": False}
    assert {row["reason"] for row in rows} == {"finished_with_queued"}
