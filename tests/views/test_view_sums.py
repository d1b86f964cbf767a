"""No view counts a row twice or misses one: its sums equal those of its tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import duckdb
import pytest

from comms_source.channels import CHANNELS
from tests.views.sums import MOST, point, share
from tests.views.view_tables import Record, records, warehouse
from tests.views.view_worlds import Chance, put_world, random_world

Sums = dict[tuple[str, str], tuple[object, ...]]
"""By account and channel."""

ROWS: Final = " union all by name ".join(
    f"select *, '{channel.name}' as channel from comms.{channel.table}"
    for channel in CHANNELS.values()
)
STATES: Final = " union all by name ".join(
    f"select *, '{channel.name}' as channel from comms.{channel.history_table}"
    for channel in CHANNELS.values()
)
NAMES: Final = {"total": "requested", "sent": "api_sent", "delivered": "api_delivered"}
"""The names in the views that differ from those of the API."""

COUNTERS: Final = {
    name: NAMES.get(name, name) for channel in CHANNELS.values() for name in channel.counters
}
CONCLUSIONS: Final = (
    *("delivered_low", "delivered_high", "not_delivered", "attempted", "accepted", "offered"),
    *("in_flight_low", "in_flight_high", "unconfirmed_low", "unconfirmed_high", "engaged"),
)
"""Columns that are derived for an operation, and summed over several."""

READ: Final = "(account, channel) in (select (account, channel) from comms.coverage)"
IS_COUNTED: Final = "(account, channel, id) in (select (account, channel, id) from counted)"
PERIODS: Final = ("daily_delivery", "weekly_delivery", "monthly_delivery")


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """Accounts with the same ids in all channels, and records of every kind.

    The temporary view `counted` has the operations with all their counters, from the tables.
    """
    with warehouse(path=":memory:") as filled:
        put_world(filled, random_world(Chance(77), 400))
        filled.execute(f"create temp view counted as {' union all by name '.join(_counted())}")
        yield filled


def _counted() -> Iterator[str]:
    for channel in CHANNELS.values():
        needed = {*channel.counters} - {"recipients", "attempts", "unaddressable"}
        conditions = " and ".join(f"{name} between 0 and {MOST}" for name in sorted(needed))
        yield (
            f"select *, '{channel.name}' as channel from comms.{channel.table} where {conditions}"
        )


def sums(db: duckdb.DuckDBPyConnection, of: str, *columns: str, where: str = "true") -> Sums:
    """Sums over the rows of a table, a view or a query, by account and channel."""
    selected = ", ".join(f"{column} as a{number}" for number, column in enumerate(columns))
    rows = records(
        db, f"select account, channel, {selected} from {of} where {where} group by account, channel"
    )
    return {(row.pop("account"), row.pop("channel")): tuple(row.values()) for row in rows}


def sensible(counter: str) -> str:
    """The sum of a counter, without invalid values."""
    return f"sum({counter}) filter (where {counter} between 0 and {MOST})"


def test_the_data_covers_the_cases(db: duckdb.DuckDBPyConnection) -> None:
    """Several accounts and channels have the same id; a channel has several of each record."""
    (row,) = records(db, f"select count(*) - count(distinct id) as shared from ({ROWS})")
    (counted,) = records(db, f"select count(*) as n, ({_count(ROWS)}) as of_all from counted")
    assert row["shared"] > 100
    assert 0 < counted["n"] < counted["of_all"]
    for table in ("coverage", "gaps", "rejected_operations", "followed_operations"):
        counts = sums(db, f"comms.{table}", "count(*)").values()
        assert max(count for (count,) in counts if isinstance(count, int)) > 1


def _count(query: str) -> str:
    return f"select count(*) from ({query})"


@pytest.mark.parametrize("view", ["operations", "operation_states"])
def test_each_operation_and_state_is_one_row(db: duckdb.DuckDBPyConnection, view: str) -> None:
    """The number of rows and the sums of each counter equal those of the tables."""
    tables = ROWS if view == "operations" else STATES
    totals = sums(db, f"({tables})", "count(*)", *map(sensible, COUNTERS))
    of_view = [f"sum({name})" for name in COUNTERS.values()]
    assert sums(db, f"comms.{view}", "count(*)", *of_view) == totals


@pytest.mark.parametrize("view", PERIODS)
def test_periods_add_up_to_the_tables(db: duckdb.DuckDBPyConnection, view: str) -> None:
    """Each operation is in one day, week and month, and so are its counters, if all are known."""
    assert sums(db, f"comms.{view}", "sum(operations)") == sums(db, f"({ROWS})", "count(*)")
    of_view = [f"sum({name})" for name in COUNTERS.values()]
    totals = sums(db, "counted", "count(*)", *map(sensible, COUNTERS))
    found = sums(db, f"comms.{view}", "sum(counted_operations)", *of_view)
    assert {key: row for key, row in found.items() if row[0]} == totals


def test_hours_and_finality_add_up(db: duckdb.DuckDBPyConnection) -> None:
    """Each operation is in one hour, and in one row of its day by finality."""
    totals = sums(db, f"({ROWS})", "count(*)", *map(sensible, ("total", "recipients")))
    columns = ("sum(operations)", "sum(requested)", "sum(recipients)")
    assert sums(db, "comms.hourly_volume", *columns) == totals
    finality = sums(db, "comms.daily_finality", "sum(operations)", "sum(requested)")
    assert finality == sums(db, "comms.daily_delivery", "sum(operations)", "sum(requested)")


@pytest.mark.parametrize("view", PERIODS)
def test_conclusions_add_up(db: duckdb.DuckDBPyConnection, view: str) -> None:
    """The derived columns of a period are the sums over its operations."""
    columns = [f"sum({name})" for name in CONCLUSIONS]
    found = sums(db, f"comms.{view}", *columns)
    expected = sums(db, "comms.operations", *columns, where=IS_COUNTED)
    nothing = tuple(None for _ in columns)
    assert found == {key: expected.get(key, nothing) for key in found}


def test_labels_add_up(db: duckdb.DuckDBPyConnection) -> None:
    """A label's row has the sums over its operations, each of them once."""
    columns = [f"sum({name}) as {name}" for name in ("requested", *CONCLUSIONS)]
    query = f"""
        select label, value, operations.account, channel, count(*) as operations,
            {", ".join(columns)}
        from (select *, {IS_COUNTED} as is_counted from comms.operations) as operations
        inner join comms.operation_labels as labels
            on operations.id = labels.operation_id and operations.account = labels.account
        where {{}} group by all order by all
    """
    names = "label, value, account, channel, operations"
    found = records(db, f"select {names} from comms.delivery_by_label order by all")
    every = records(db, query.format("true"))
    assert found == [{name: row[name] for name in names.split(", ")} for row in every]
    counted = records(db, query.format("is_counted"))
    listed = ", ".join(["counted_operations as operations", "requested", *CONCLUSIONS])
    chosen = f"select label, value, account, channel, {listed} from comms.delivery_by_label"
    assert records(db, f"{chosen} where counted_operations > 0 order by all") == counted


RATES: Final = {
    "delivery_rate": ("delivered", "attempted"),
    "unconfirmed_rate": ("unconfirmed", "attempted"),
    "undelivered_rate": ("undelivered", "attempted"),
    "failed_rate": ("failed", "attempted"),
    "acceptance_rate": ("accepted", "offered"),
    "unaddressable_rate": ("unaddressable", "recipients"),
    "cancel_rate": ("canceled", "requested"),
}
"""The columns of which each rate is the ratio; some have a lower and an upper end."""

OF_DELIVERED: Final = {"engagement_rate": "engaged", "read_rate": "read", "open_rate": "opened"}


@pytest.mark.parametrize("view", [*PERIODS, "delivery_by_label", "operations"])
def test_rates_are_ratios_of_columns_in_the_row(db: duckdb.DuckDBPyConnection, view: str) -> None:
    """So the rate of several rows can be calculated as the ratio of their sums."""
    rows = records(db, f"select * from comms.{view}")
    assert rows
    for row in rows:
        for rate, (part, whole) in RATES.items():
            for end in ("_low", "_high") if f"{rate}_low" in row else ("",):
                assert row[rate + end] == share(row[part + end], row[whole]), rate
        for rate, part in OF_DELIVERED.items():
            assert row[f"{rate}_low"] == share(row[part], row["delivered_high"])
            assert row[f"{rate}_high"] == share(row[part], row["delivered_low"])
        for end in ("_low", "_high"):
            assert row[f"delivery_rate_of_known{end}"] == _of_known(row, end)
        for name in ("delivered", "unconfirmed", "in_flight", "delivery_rate", "read_rate"):
            assert row[name] == point(row[f"{name}_low"], row[f"{name}_high"])


def _of_known(row: Record, end: str) -> float | None:
    delivered, not_delivered = row[f"delivered{end}"], row["not_delivered"]
    known = None if None in (delivered, not_delivered) else delivered + not_delivered
    return share(delivered, known)


def test_records_add_up(db: duckdb.DuckDBPyConnection) -> None:
    """Each gap, open row and followed operation of a channel is counted once in its health."""
    health = "comms.sync_health"
    for columns, table, counted in (
        (("sum(gaps)",), "gaps", ("count(*)",)),
        (("sum(rejected)",), "rejected_rows", ("sum((state = 'open')::int)",)),
        (
            ("sum(active_by_id)", "sum(not_found)"),
            "followed_operations",
            ("sum((outcome = 'active')::int)", "sum((outcome = 'not_found')::int)"),
        ),
        (("sum(operations)",), f"({ROWS})", ("count(*)",)),
    ):
        place = table if table.startswith("(") else f"comms.{table}"
        found = sums(db, health, *columns)
        expected = sums(db, place, *counted)
        nothing = tuple(0 for _ in counted)
        assert found == {key: expected.get(key, nothing) for key in found}
        assert sums(db, place, *counted, where=READ).keys() <= found.keys()


@pytest.mark.parametrize("view", ["counter_checks", "stuck_operations", "operation_completions"])
def test_no_operation_is_listed_twice(db: duckdb.DuckDBPyConnection, view: str) -> None:
    """Each operation is listed once, and only if it exists."""
    listed = records(db, f"select account, channel, id from comms.{view}")
    there = records(db, f"select account, channel, id from ({ROWS})")
    names = [tuple(row.values()) for row in listed]
    assert len(set(names)) == len(names) > 10
    assert set(names) <= {tuple(row.values()) for row in there}
