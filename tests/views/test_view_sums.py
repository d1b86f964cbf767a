"""No view counts a row twice, or loses one: its sums are those of the tables that it reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import duckdb
import pytest

from comms_source.channels import CHANNELS
from tests.views.sums import MOST
from tests.views.view_tables import records, warehouse
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
COUNTERS: Final = sorted({name for channel in CHANNELS.values() for name in channel.counters})
READ: Final = "(account, channel) in (select (account, channel) from comms.coverage)"


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """Accounts that use the same ids in all channels, with records of every kind for each."""
    with warehouse() as filled:
        put_world(filled, random_world(Chance(77), 500))
        yield filled


def sums(db: duckdb.DuckDBPyConnection, of: str, *columns: str, where: str = "true") -> Sums:
    """Sums over the rows of a table, a view or a query, by account and channel."""
    selected = ", ".join(f"{column} as a{number}" for number, column in enumerate(columns))
    rows = records(
        db, f"select account, channel, {selected} from {of} where {where} group by account, channel"
    )
    return {(row.pop("account"), row.pop("channel")): tuple(row.values()) for row in rows}


def sensible(counter: str) -> str:
    """The sum of a counter, without the values that make no sense."""
    return f"sum({counter}) filter (where {counter} between 0 and {MOST})"


def test_that_the_world_puts_the_views_to_the_test(db: duckdb.DuckDBPyConnection) -> None:
    """An id is used by several accounts and channels, and a channel has several of each record."""
    (row,) = records(db, f"select count(*) - count(distinct id) as shared from ({ROWS})")
    assert row["shared"] > 100
    for table in ("coverage", "gaps", "rejected_operations", "followed_operations"):
        counts = sums(db, f"comms.{table}", "count(*)").values()
        assert max(count for (count,) in counts if isinstance(count, int)) > 1


@pytest.mark.parametrize("view", ["operation_counters", "operation_measures", "operations"])
def test_that_each_operation_is_one_row(db: duckdb.DuckDBPyConnection, view: str) -> None:
    """As many rows as in the tables, and the same sums of each counter."""
    totals = sums(db, f"({ROWS})", "count(*)", *map(sensible, COUNTERS))
    counted = [f"sum({counter})" for counter in COUNTERS]
    assert sums(db, f"comms.{view}", "count(*)", *counted) == totals


def test_that_days_and_hours_add_up(db: duckdb.DuckDBPyConnection) -> None:
    """Each operation is in one day and in one hour, with all its counters."""
    counted = [f"sum({counter})" for counter in COUNTERS]
    totals = sums(db, f"({ROWS})", "count(*)", *map(sensible, COUNTERS))
    assert sums(db, "comms.daily_delivery", "sum(operations)", *counted) == totals
    few = ("total", "recipients")
    assert sums(
        db, "comms.hourly_volume", "sum(operations)", *(f"sum({name})" for name in few)
    ) == sums(db, f"({ROWS})", "count(*)", *map(sensible, few))


def test_that_unaddressable_recipients_add_up(db: duckdb.DuckDBPyConnection) -> None:
    """Each operation of the channels that tell is in one day."""
    columns = ("recipients", "unaddressable")
    assert sums(
        db, "comms.unaddressable_recipients", "sum(operations)", *(f"sum({c})" for c in columns)
    ) == sums(db, f"({ROWS})", "count(*)", *map(sensible, columns), where="channel <> 'emails'")


def test_that_unsettled_days_add_up(db: duckdb.DuckDBPyConnection) -> None:
    """Each operation that may still change is in one day."""
    assert sums(
        db, "comms.unsettled_days", "sum(unsettled_operations)", "sum(unsettled_total)"
    ) == sums(db, "comms.operations", "count(*)", "sum(total)", where="not is_settled")


def test_that_each_state_is_one_row(db: duckdb.DuckDBPyConnection) -> None:
    """As many rows as in the histories, and the same sums."""
    assert sums(db, "comms.operation_states", "count(*)", "sum(total)") == sums(
        db, f"({STATES})", "count(*)", sensible("total")
    )


def test_that_records_add_up(db: duckdb.DuckDBPyConnection) -> None:
    """Each gap, rejected row and followed operation of a channel is counted once in its health."""
    health = "comms.sync_health"
    for columns, table, counted in (
        (("sum(gaps)",), "gaps", ("count(*)",)),
        (("sum(rejected)",), "rejected_operations", ("count(*)",)),
        (
            ("sum(followed)", "sum(lost)"),
            "followed_operations",
            ("sum((outcome = 'open')::int)", "sum((outcome = 'lost')::int)"),
        ),
        (("sum(operations)",), f"({ROWS})", ("count(*)",)),
    ):
        place = table if table.startswith("(") else f"comms.{table}"
        found = sums(db, health, *columns)
        expected = sums(db, place, *counted)
        nothing = tuple(0 for _ in counted)
        assert found == {key: expected.get(key, nothing) for key in found}
        assert sums(db, place, *counted, where=READ).keys() <= found.keys()


def test_that_readings_and_checks_count_each_operation_once(db: duckdb.DuckDBPyConnection) -> None:
    """Decisive and inconsistent operations are as many as those that rule a reading out."""
    kinds = ("exclusive", "cumulative", "inconsistent")
    assert sums(
        db, "comms.channel_readings", f"sum({' + '.join(f'{k}_operations' for k in kinds)})"
    ) == sums(
        db,
        "comms.operation_counters",
        "sum((rules_out_exclusive or rules_out_cumulative)::int)",
    )


@pytest.mark.parametrize("view", ["stats_checks", "stuck_operations", "worst_operations"])
def test_that_no_operation_is_listed_twice(db: duckdb.DuckDBPyConnection, view: str) -> None:
    """A list of operations has each of them once, and only such as there are."""
    listed = records(db, f"select account, channel, id from comms.{view}")
    there = records(db, f"select account, channel, id from ({ROWS})")
    names = [tuple(row.values()) for row in listed]
    assert len(set(names)) == len(names) > 10
    assert set(names) <= {tuple(row.values()) for row in there}
