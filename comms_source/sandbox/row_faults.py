"""Row faults: how each one changes a row of an otherwise correct page. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # faults imports the kinds from here
    from comms_source.sandbox.faults import Fault

Row = dict[str, Any]


def apply_row_fault(rows: list[Row], fault: Fault) -> list[Row]:
    """The rows, with every `fault.rows`-th row, beginning with the first, changed or duplicated."""
    changed: list[Row] = []
    for position, row in enumerate(rows):
        applies = position % fault.rows == 0
        changed += ROW_FAULTS[fault.kind](row, fault.name) if applies else [row]
    return changed


def _without(fields: Row, name: str) -> Row:
    return {key: value for key, value in fields.items() if key != name}


def _counting(row: Row, name: str, value: Any) -> Row:
    return row | {"stats": row["stats"] | {name: value}}


ROW_FAULTS: Final[Mapping[str, Callable[[Row, str], list[Row]]]] = {
    "row_without_id": lambda row, _: [_without(row, "id")],
    "row_without_created_at": lambda row, _: [_without(row, "createdAt")],
    "row_with_bad_created_at": lambda row, _: [row | {"createdAt": "the day before yesterday"}],
    "row_with_text_counter": lambda row, _: [_counting(row, "total", "many")],
    "new_counter": lambda row, name: [_counting(row, name, 7)],
    "new_field": lambda row, name: [row | {name: {"value": 1}}],
    "lower_case_status": lambda row, _: [row | {"status": row["status"].lower()}],
    "unknown_status": lambda row, _: [row | {"status": "PAUSED"}],
    "missing_counter": lambda row, _: [row | {"stats": _without(row["stats"], "recipients")}],
    "duplicate_row": lambda row, _: [row, dict(row)],
}
"""What takes the place of a row, by the kind of fault; some use the fault's `name`."""
