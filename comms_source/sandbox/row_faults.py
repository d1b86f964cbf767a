"""Row faults: how each one changes a row of an otherwise correct page. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # faults imports the kinds from here
    from comms_source.sandbox.faults import Fault

Row = dict[str, Any]


def apply_row_fault(rows: list[Row], fault: Fault) -> list[Row]:
    """The rows, with every `fault.rows`-th row, beginning with the first, changed or duplicated.

    Rows without the field that the fault is about stay as they are: operations have no `related`,
    and resources have no `stats`.
    """
    changed: list[Row] = []
    needed = _NEEDED.get(fault.kind)
    for position, row in enumerate(rows):
        applies = position % fault.rows == 0 and (needed is None or needed in row)
        changed += ROW_FAULTS[fault.kind](row, fault.name) if applies else [row]
    return changed


def _without(fields: Row, name: str) -> Row:
    return {key: value for key, value in fields.items() if key != name}


def _counting(row: Row, name: str, value: Any) -> Row:
    return row | {"stats": row["stats"] | {name: value}}


def _of_another(row: Row) -> Row:
    """A resource like this one, with another id, that names another operation."""
    related = [
        each | {"id": _other_id(each["id"]), "uri": _other_id(each["uri"])}
        for each in row["related"]
    ]
    return row | {"id": _other_id(row["id"]), "related": related}


def _other_id(text: str) -> str:
    """Another id of the same form, also at the end of an address."""
    digits = re.split("[_/]", text)[-1]
    return f"{text.removesuffix(digits)}7{digits[:0:-1]}"


ROW_FAULTS: Final[Mapping[str, Callable[[Row, str], list[Row]]]] = {
    "row_without_id": lambda row, _: [_without(row, "id")],
    "row_without_created_at": lambda row, _: [_without(row, "createdAt")],
    "row_with_bad_created_at": lambda row, _: [row | {"createdAt": "the day before yesterday"}],
    "row_with_text_counter": lambda row, _: [_counting(row, "total", "many")],
    "row_without_related": lambda row, _: [_without(row, "related")],
    "row_of_another_operation": lambda row, _: [row, _of_another(row)],
    "new_counter": lambda row, name: [_counting(row, name, 7)],
    "new_field": lambda row, name: [row | {name: {"value": 1}}],
    "lower_case_status": lambda row, _: [row | {"status": row["status"].lower()}],
    "unknown_status": lambda row, _: [row | {"status": "PAUSED"}],
    "missing_counter": lambda row, _: [row | {"stats": _without(row["stats"], "recipients")}],
    "duplicate_row": lambda row, _: [row, dict(row)],
}
"""What takes the place of a row, by the kind of fault; some use the fault's `name`."""

_NEEDED: Final[Mapping[str, str]] = {
    "row_with_bad_created_at": "createdAt",
    "row_with_text_counter": "stats",
    "row_of_another_operation": "related",
    "new_counter": "stats",
    "lower_case_status": "status",
    "unknown_status": "status",
    "missing_counter": "stats",
}
"""The field that a row must have for a fault to make sense."""
