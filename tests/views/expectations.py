"""What every view should contain, given the rows of the tables, and where it differs from that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isclose
from typing import Any, Final

import duckdb

from comms_source.views.settings import ViewSettings
from tests.views import (
    age_oracle,
    health_oracle,
    history_oracle,
    marts_oracle,
    monitoring_oracle,
    trend_oracle,
    view_oracle,
)
from tests.views.view_oracle import Oracle
from tests.views.view_tables import Record, records
from tests.views.view_worlds import World

Key = tuple[Any, ...]

PAIR: Final = ("account", "channel")
OPERATION: Final = (*PAIR, "id")

EXPECTED: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Oracle], list[Record]]]]] = {
    "completion_sla": ((*PAIR, "within_minutes"), history_oracle.completion_sla),
    "completion_times": ((*PAIR, "size", "percentile"), history_oracle.completion_times),
    "counter_checks": (OPERATION, monitoring_oracle.counter_checks),
    "counter_modes": (PAIR, view_oracle.counter_modes),
    "daily_delivery": ((*PAIR, "day"), marts_oracle.daily_delivery),
    "daily_delivery_at_age": ((*PAIR, "day", "age_hours"), age_oracle.daily_delivery_at_age),
    "daily_finality": ((*PAIR, "day", "finality"), marts_oracle.daily_finality),
    "delivery_by_label": ((*PAIR, "label", "value"), marts_oracle.delivery_by_label),
    "delivery_trend": ((*PAIR, "period", "measure"), trend_oracle.delivery_trend),
    "hourly_volume": ((*PAIR, "hour"), marts_oracle.hourly_volume),
    "int_counter_modes": (PAIR, view_oracle.counter_modes),
    "monthly_delivery": ((*PAIR, "month"), marts_oracle.monthly_delivery),
    "operation_completions": (OPERATION, history_oracle.operation_completions),
    "operation_states": ((*OPERATION, "valid_from"), view_oracle.operation_states),
    "operations": (OPERATION, view_oracle.operations),
    "settle_curve": ((*PAIR, "age_hours"), age_oracle.settle_curve),
    "stuck_operations": (OPERATION, monitoring_oracle.stuck_operations),
    "sync_health": (PAIR, health_oracle.sync_health),
    "weekly_delivery": ((*PAIR, "week"), marts_oracle.weekly_delivery),
    "worst_operations": ((*PAIR, "ranking", "place"), monitoring_oracle.worst_operations),
}
"""By view: its key columns, and the function that gives the rows that it should have."""

NOT_JUDGED: Final = frozenset({"view_settings", "stg_operation_rows"})
"""Views that do not depend on the rows of the tables, or are no more than they."""

INEXACT: Final = ("_age", "covered_share", "change", "growth")
"""How the names of columns end that are differences, or quotients of times."""


def disagreements(
    db: duckdb.DuckDBPyConnection, world: World, settings: ViewSettings
) -> dict[str, dict[Key, Any]]:
    """By view, the rows that are not as they should be, each by its key."""
    oracle = Oracle(world, settings)
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
    """The rows by their key, which must be unique."""
    keyed = {tuple(row[name] for name in key): row for row in rows}
    assert len(keyed) == len(rows), "two rows have one key"
    return keyed


def _wrong(row: Record, expected: Record) -> dict[str, tuple[Any, Any]]:
    return {
        name: (value, expected.get(name, "not in the contract"))
        for name, value in row.items()
        if name not in expected or not _same(name, value, expected[name])
    }


def _same(name: str, value: Any, expected: Any) -> bool:
    """Rates to the last bit; differences and quotients of times to what doubles leave of them."""
    if None in (value, expected) or not ("hours" in name or name.endswith(INEXACT)):
        return bool(value == expected)
    return isclose(value, expected, rel_tol=1e-9, abs_tol=1e-9)
