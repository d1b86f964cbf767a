"""Which dbt tests the tables and views get. Pure.

An error means that figures are wrong: a row is there twice, or a value is none of this project's
words. A warning means that a person should look: the API may name a status that it does not
document, and rows may be missing in one table because somebody deleted them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from comms_source.channels import CHANNELS, STATUSES
from comms_source.tables.bookkeeping import FOLLOWED_OUTCOMES, RUN_OUTCOMES
from comms_source.tables.detail_tables import DETAILS_OUTCOMES
from comms_source.tables.specs import TableSpec

Check = Mapping[str, Any]
"""One dbt test, as a properties file writes it."""

_MODES: Final = ("exclusive", "cumulative", "undecided")
_VALUES: Final[Mapping[str, Sequence[str]]] = {
    "channel": tuple(CHANNELS),
    "gaps.reason": ("never read", "rows missing"),
    "followed_operations.outcome": FOLLOWED_OUTCOMES,
    "runs.outcome": RUN_OUTCOMES,
    "runs.command": ("load", "backfill", "pipeline"),
    "operation_details.kind": ("tags", "resources", "errors"),
    "operation_details.outcome": DETAILS_OUTCOMES,
    "operations.finality": ("in_progress", "settling", "settled", "frozen", "final"),
    "operations.counter_mode": _MODES,
    "counter_modes.counter_mode": _MODES,
    "rejected_rows.state": ("open", "resolved", "acknowledged"),
}
"""The values of a column: in every table, or in one table or view."""

VIEW_KEYS: Final[Mapping[str, Sequence[str]]] = {
    "operations": ("id",),
    "daily_delivery": ("account", "channel", "day"),
    "weekly_delivery": ("account", "channel", "week"),
    "monthly_delivery": ("account", "channel", "month"),
    "hourly_volume": ("account", "channel", "hour"),
    "delivery_by_label": ("label", "value", "account", "channel"),
    "delivery_by_tag": ("tag", "value", "account", "channel"),
    "error_codes": ("account", "channel", "error_code"),
    "counter_modes": ("account", "channel"),
    "rejected_rows": ("row_key",),
    "sync_health": ("account", "channel"),
    "view_settings": ("setting",),
}
"""The columns that tell one row of a view from another."""


def table_checks(spec: TableSpec) -> Iterator[Check]:
    """The tests of a table."""
    yield from _unique(spec.key)
    for name in spec.column_names:
        if values := _VALUES.get(f"{spec.name}.{name}") or _VALUES.get(name):
            yield _test("accepted_values", name, values=[*values])
    for channel in CHANNELS.values():
        if spec.name in {channel.table, channel.history_table}:
            yield _test("not_null", "created_at")
            yield _test("accepted_values", "status", values=[*STATUSES], is_error=False)
        if spec.name in {channel.history_table, channel.resource_table}:
            name = "id" if spec.is_history else "operation_id"
            to = f"source('comms', '{channel.table}')"
            yield _test("relationships", name, to=to, field="id", is_error=False)


def view_checks(name: str, columns: Sequence[str]) -> Iterator[Check]:
    """The tests of a view."""
    if name in VIEW_KEYS:
        yield from _unique(VIEW_KEYS[name])
    for column in columns:
        if values := _VALUES.get(f"{name}.{column}"):
            yield _test("accepted_values", column, values=[*values])


def only_if(enabled: str, check: Check) -> Check:
    """The test of a source that a variable may disable: dbt does not disable its tests with it."""
    return {
        name: {**body, "config": {**body.get("config", {}), "enabled": enabled}}
        for name, body in check.items()
    }


def _unique(key: Sequence[str]) -> Iterator[Check]:
    """The tests that no key is NULL or there twice."""
    if len(key) == 1:
        yield _test("unique", key[0])
        yield _test("not_null", key[0])
    else:
        yield {"comms_unique_key": {"arguments": {"columns": [*key]}}}


def _test(kind: str, column: str, *, is_error: bool = True, **arguments: Any) -> Check:
    config = {} if is_error else {"config": {"severity": "warn"}}
    return {kind: {"arguments": {"column_name": column, **arguments}, **config}}
