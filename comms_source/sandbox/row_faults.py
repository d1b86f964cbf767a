"""Row faults: how each one changes a row of an otherwise correct page. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from comms_source.sandbox.faults import Fault

Row = dict[str, Any]


def apply_row_fault(rows: list[Row], fault: Fault) -> list[Row]:
    """The rows, with every `fault.rows`-th row, beginning with the first, changed or duplicated."""
    changed: list[Row] = []
    for position, row in enumerate(rows):
        applies = position % fault.rows == 0
        changed += _ROW_FAULTS[fault.kind](row, fault.name) if applies else [row]
    return changed


def _without(field: str) -> Callable[[Row, str], list[Row]]:
    return lambda row, _: [{key: value for key, value in row.items() if key != field}]


def _with(field: str, value: Any) -> Callable[[Row, str], list[Row]]:
    return lambda row, _: [row | {field: value}]


def _with_counter(value: Any) -> Callable[[Row, str], list[Row]]:
    return lambda row, name: [row | {"stats": row["stats"] | {name: value}}]


def _missing_counter(row: Row, _: str) -> list[Row]:
    return [row | {"stats": {key: n for key, n in row["stats"].items() if key != "recipients"}}]


_ROW_FAULTS: Final[Mapping[str, Callable[[Row, str], list[Row]]]] = MappingProxyType(
    {
        "row_without_id": _without("id"),
        "row_without_created_at": _without("createdAt"),
        "row_with_bad_created_at": _with("createdAt", "the day before yesterday"),
        "row_with_text_counter": lambda row, _: [row | {"stats": row["stats"] | {"total": "many"}}],
        "new_counter": _with_counter(7),
        "new_field": lambda row, name: [row | {name: {"value": 1}}],
        "lower_case_status": lambda row, _: [row | {"status": row["status"].lower()}],
        "unknown_status": _with("status", "PAUSED"),
        "missing_counter": _missing_counter,
        "duplicate_row": lambda row, _: [row, dict(row)],
    }
)
