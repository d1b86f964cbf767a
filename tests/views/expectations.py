"""The expected rows of every view, given the rows of the tables, and the differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isclose
from typing import Any, Final

import duckdb

from comms_source.views.settings import ViewSettings
from tests.views import (
    age_oracle,
    detail_oracle,
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
    "counter_mode_evidence": (PAIR, detail_oracle.counter_mode_evidence),
    "counter_modes": (PAIR, view_oracle.counter_modes),
    "daily_delivery": ((*PAIR, "day"), marts_oracle.daily_delivery),
    "daily_delivery_at_age": ((*PAIR, "day", "age_hours"), age_oracle.daily_delivery_at_age),
    "daily_finality": ((*PAIR, "day", "finality"), marts_oracle.daily_finality),
    "delivery_by_label": ((*PAIR, "label", "value"), marts_oracle.delivery_by_label),
    "delivery_by_sender": ((*PAIR, *detail_oracle.SENDER), detail_oracle.delivery_by_sender),
    "delivery_by_tag": ((*PAIR, "tag", "value"), detail_oracle.delivery_by_tag),
    "delivery_trend": ((*PAIR, "period", "measure"), trend_oracle.delivery_trend),
    "error_codes": ((*PAIR, "error_code"), detail_oracle.error_codes),
    "hourly_volume": ((*PAIR, "hour"), marts_oracle.hourly_volume),
    "int_counter_modes": (PAIR, view_oracle.counter_modes),
    "monthly_delivery": ((*PAIR, "month"), marts_oracle.monthly_delivery),
    "operation_completions": (OPERATION, history_oracle.operation_completions),
    "operation_reconciliation": (OPERATION, detail_oracle.operation_reconciliation),
    "operation_states": ((*OPERATION, "valid_from"), view_oracle.operation_states),
    "operations": (OPERATION, view_oracle.operations),
    "overdue_operations": (OPERATION, detail_oracle.overdue_operations),
    "rejected_rows": (("row_key",), monitoring_oracle.rejected_rows),
    "settle_curve": ((*PAIR, "age_hours"), age_oracle.settle_curve),
    "stuck_operations": (OPERATION, monitoring_oracle.stuck_operations),
    "sync_health": (PAIR, health_oracle.sync_health),
    "weekly_delivery": ((*PAIR, "week"), marts_oracle.weekly_delivery),
    "worst_operations": ((*PAIR, "ranking", "place"), monitoring_oracle.worst_operations),
}
"""The key columns of each view, and the function that returns its expected rows."""

NOT_COMPARED: Final = frozenset(
    {
        *("view_settings", "stg_operation_rows", "stg_resources", "stg_attempts"),
        *("stg_operation_tags", "stg_operation_errors", "stg_operation_details"),
    }
)
"""Views that do not depend on the rows of the tables, or only combine them."""

INEXACT: Final = ("_age", "covered_share", "change", "growth")
"""Suffixes of columns that are differences, or quotients of times."""


def disagreements(
    db: duckdb.DuckDBPyConnection, world: World, settings: ViewSettings
) -> dict[str, dict[Key, Any]]:
    """The rows that differ from the expected ones, by view and key."""
    oracle = Oracle(world, settings)
    found = {view: differing(view, db, oracle) for view in EXPECTED}
    return {view: rows for view, rows in found.items() if rows}


def differing(view: str, db: duckdb.DuckDBPyConnection, oracle: Oracle) -> dict[Key, Any]:
    """The differing columns of each row, with their values and expected values."""
    key, expect = EXPECTED[view]
    rows = by_key(records(db, f"select * from comms.{view}"), key)
    expected = by_key(expect(oracle), key)
    missing = dict.fromkeys(expected.keys() - rows.keys(), "missing row")
    surplus = dict.fromkeys(rows.keys() - expected.keys(), "unexpected row")
    wrong = {name: _wrong(row, expected[name]) for name, row in rows.items() if name in expected}
    return missing | surplus | {name: columns for name, columns in wrong.items() if columns}


def by_key(rows: Sequence[Record], key: Sequence[str]) -> dict[Key, Record]:
    """The rows by their key, which must be unique."""
    keyed = {tuple(row[name] for name in key): row for row in rows}
    assert len(keyed) == len(rows), "two rows have the same key"
    return keyed


def _wrong(row: Record, expected: Record) -> dict[str, tuple[Any, Any]]:
    return {
        name: (value, expected.get(name, "not in the contract"))
        for name, value in row.items()
        if name not in expected or not _same(name, value, expected[name])
    }


def _same(name: str, value: Any, expected: Any) -> bool:
    """Compare rates exactly, and differences and quotients of times with a tolerance."""
    if None in (value, expected) or not ("hours" in name or name.endswith(INEXACT)):
        return bool(value == expected)
    return isclose(value, expected, rel_tol=1e-9, abs_tol=1e-9)
