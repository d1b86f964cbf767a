"""What every view should say of a world, and in which columns it says something else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isclose
from typing import Any, Final

import duckdb

from comms_source.view_settings import ViewSettings
from tests.views import health_oracle, history_oracle, marts_oracle, view_oracle
from tests.views.view_oracle import Oracle
from tests.views.view_tables import Record, records
from tests.views.view_worlds import World

Key = tuple[Any, ...]

OPERATION: Final = ("account", "channel", "id")
DAY: Final = ("account", "channel", "day")


def _operations(oracle: Oracle) -> list[Record]:
    return oracle.operations


EXPECTED: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Oracle], list[Record]]]]] = {
    "channel_readings": (("account", "channel"), marts_oracle.channel_readings),
    "completion_times": (("account", "channel", "size"), history_oracle.completion_times),
    "daily_delivery": (DAY, view_oracle.daily_delivery),
    "delivery_trend": (("account", "channel"), marts_oracle.delivery_trend),
    "hourly_volume": (("account", "channel", "hour"), marts_oracle.hourly_volume),
    "operation_counters": (OPERATION, _operations),
    "operation_measures": (OPERATION, _operations),
    "operation_states": ((*OPERATION, "valid_from"), history_oracle.operation_states),
    "operations": (OPERATION, _operations),
    "settle_curve": (("account", "channel", "age_hours"), history_oracle.settle_curve),
    "stats_checks": (OPERATION, marts_oracle.stats_checks),
    "stuck_operations": (OPERATION, marts_oracle.stuck_operations),
    "sync_health": (("account", "channel"), health_oracle.sync_health),
    "unaddressable_recipients": (DAY, marts_oracle.unaddressable_recipients),
    "unsettled_days": (DAY, marts_oracle.unsettled_days),
    "worst_operations": (("account", "channel", "loss_rank"), marts_oracle.worst_operations),
}
"""By view: the columns that tell its rows apart, and what gives the rows that it should have."""


def disagreements(
    db: duckdb.DuckDBPyConnection, world: World, told: ViewSettings
) -> dict[str, dict[Key, Any]]:
    """By view, the rows that are not as they should be, each by its key."""
    oracle = Oracle(world, told)
    found = {view: differing(view, db, oracle) for view in EXPECTED}
    return {view: rows for view, rows in found.items() if rows}


def differing(view: str, db: duckdb.DuckDBPyConnection, oracle: Oracle) -> dict[Key, Any]:
    """Of each row that is not as it should be: the columns, what they are and should be."""
    key, expect = EXPECTED[view]
    rows = by_key(records(db, f"select * from comms.{view}"), key)
    expected = by_key(expect(oracle), key)
    lacking = dict.fromkeys(expected.keys() - rows.keys(), "there is no such row")
    surplus = dict.fromkeys(rows.keys() - expected.keys(), "there should be no such row")
    wrong = {name: _wrong(row, expected[name]) for name, row in rows.items() if name in expected}
    return lacking | surplus | {name: columns for name, columns in wrong.items() if columns}


def by_key(rows: Sequence[Record], key: Sequence[str]) -> dict[Key, Record]:
    """The rows by what tells them apart, which must do so."""
    keyed = {tuple(row[name] for name in key): row for row in rows}
    assert len(keyed) == len(rows), "two rows have one key"
    return keyed


def _wrong(row: Record, expected: Record) -> dict[str, tuple[Any, Any]]:
    return {
        name: (value, expected[name])
        for name, value in row.items()
        if not _same(name, value, expected[name])
    }


def _same(name: str, value: Any, expected: Any) -> bool:
    """Rates to the last bit; differences of times and of rates to what doubles leave of them."""
    if None in (value, expected) or not ("hours" in name or name.endswith("_change")):
        return bool(value == expected)
    return isclose(value, expected, rel_tol=1e-9, abs_tol=1e-9)
