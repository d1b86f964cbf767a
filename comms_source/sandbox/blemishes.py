"""Row faults: what each does to a row of an otherwise good page. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from comms_source.sandbox.faults import Fault

Row = dict[str, Any]


def blemish(rows: list[Row], fault: Fault) -> list[Row]:
    """The rows with each `fault.rows`-th, beginning with the first, altered or doubled."""
    blemished: list[Row] = []
    for position, row in enumerate(rows):
        struck = position % fault.rows == 0
        blemished += _BLEMISHES[fault.kind](row, fault.name) if struck else [row]
    return blemished


def _without(field: str) -> Callable[[Row, str], list[Row]]:
    return lambda row, _: [{key: value for key, value in row.items() if key != field}]


def _with(field: str, value: Any) -> Callable[[Row, str], list[Row]]:
    return lambda row, _: [row | {field: value}]


def _with_counter(value: Any) -> Callable[[Row, str], list[Row]]:
    return lambda row, name: [row | {"stats": row["stats"] | {name: value}}]


def _missing_counter(row: Row, _: str) -> list[Row]:
    return [row | {"stats": {key: n for key, n in row["stats"].items() if key != "recipients"}}]


_BLEMISHES: Final[Mapping[str, Callable[[Row, str], list[Row]]]] = MappingProxyType(
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
