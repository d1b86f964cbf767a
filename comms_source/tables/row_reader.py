"""One row at a time: what is wrong with it, and what can be kept. Pure.

This is the careful path; `tables` takes it only for pages that hold a row out of the ordinary.
A row is rejected when nobody could say which operation it is (`id`), when it was created
(`createdAt`), or what it counts. Anything else that is odd costs the row nothing: what has no
column is kept in `extra`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from comms_source.channels import Channel
from comms_source.timespans import parse_instant, to_iso

FIELDS: Final = frozenset({"id", "status", "stats", "createdAt", "updatedAt"})
"""The documented fields of an operation, all of them with columns of their own."""

COLUMNS: Final = frozenset(
    {
        *("id", "account", "status", "created_at", "updated_at", "synced_at", "extra"),
        *("row_version", "valid_from", "valid_to"),
    }
)
"""Names that a new counter cannot take: columns of an operation, and those of its history. The ones
that dlt adds begin with an underscore, as no counter's column does."""

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_COUNTER_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*")
_MAX_NAME_LENGTH: Final = 60
_DIGITS: Final = re.compile(r"([+-]?)0*([0-9]{1,19})")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_USUAL_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?")
_CLOCK_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*")


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that cannot be read, and why."""

    position: int
    """Where it stands on its page, from 0."""
    reason: str
    operation_id: str | None


@dataclass(slots=True)
class Sifted:
    """The rows of a page that can be read, made regular, and what became of the rest."""

    rows: Sequence[dict[str, Any]]
    leftovers: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By position in `rows`: values that have no place in a column and belong into `extra`."""
    rejections: list[Rejection] = field(default_factory=list)


class Unreadable(ValueError):
    """Why a row cannot be read."""


def sift(operations: Sequence[Any], *, channel: Channel) -> Sifted:
    """Part the rows of a page into those that can be read and those that cannot."""
    rows: list[dict[str, Any]] = []
    sifted = Sifted(rows)
    for position, operation in enumerate(operations):
        try:
            row, leftover = regular(operation, channel=channel)
        except Unreadable as why:
            sifted.rejections.append(Rejection(position, str(why), _id_of(operation)))
            continue
        if leftover:
            sifted.leftovers[len(rows)] = leftover
        rows.append(row)
    return sifted


def regular(operation: Any, *, channel: Channel) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same operation with every value of the type its column has, and what has no column.

    Raises:
        Unreadable: if the row must be rejected; the text is the reason.
    """
    if not isinstance(operation, Mapping):
        raise Unreadable(f"the row is no object but {_shown(operation)}")
    if _id_of(operation) is None:
        raise Unreadable(f"the id is {_shown(operation.get('id'))}")
    leftover: dict[str, Any] = {}
    row = dict(operation)
    row["createdAt"] = _created_at(operation.get("createdAt"))
    row["updatedAt"] = _updated_at(operation.get("updatedAt"), leftover)
    row["status"] = _status(operation.get("status"), leftover)
    row["stats"] = _stats(operation.get("stats"), channel, leftover)
    return row, leftover


def counter_column(name: str, *, channel: Channel) -> str:
    """The column for an undocumented counter.

    Raises:
        ValueError: if the name makes no column, or one that has another meaning.
    """
    column = _HUMP.sub("_", name).lower()
    if not _COUNTER_NAME.fullmatch(name) or len(column) > _MAX_NAME_LENGTH:
        raise ValueError(f"{name!r} makes no column name")
    if column in COLUMNS or column in channel.counters:
        raise ValueError(f"{name!r} would take the column {column}")
    return column


def _id_of(operation: Any) -> str | None:
    identifier = operation.get("id") if isinstance(operation, Mapping) else None
    return identifier if isinstance(identifier, str) and identifier else None


def _created_at(value: Any) -> str:
    instant = instant_or_none(value)
    if instant is None:
        raise Unreadable(f"createdAt is {_shown(value)}")
    return to_iso(instant)


def _updated_at(value: Any, leftover: dict[str, Any]) -> str | None:
    instant = instant_or_none(value)
    if instant is None and value is not None:
        leftover["updatedAt"] = value
    return to_iso(instant) if instant else None


def _status(value: Any, leftover: dict[str, Any]) -> str | None:
    if isinstance(value, str) or value is None:
        return value
    leftover["status"] = value
    return None


def instant_or_none(value: Any) -> datetime | None:
    """An instant from a date with a time of day; without a zone, UTC is meant."""
    if not isinstance(value, str) or not _CLOCK_TIME.fullmatch(value):
        return None
    try:
        # The one is fast, the other understands more.
        usual = _USUAL_TIME.fullmatch(value)
        return parse_instant(datetime.fromisoformat(value) if usual else value)
    except (ValueError, OverflowError):
        return None


def _stats(value: Any, channel: Channel, leftover: dict[str, Any]) -> dict[str, int]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Unreadable(f"stats is {_shown(value)}")
    documented = {name: _documented(name, value.get(name)) for name in channel.counters}
    counters = {name: count for name, count in documented.items() if count is not None}
    new, odd = _undocumented(value, channel)
    if odd:
        leftover["stats"] = odd
    return counters | new


def _documented(name: str, value: Any) -> int | None:
    count = whole_number(value)
    if count is None and value is not None:
        raise Unreadable(f"the counter {name} is {_shown(value)}")
    return count


def _undocumented(
    stats: Mapping[str, Any], channel: Channel
) -> tuple[dict[str, int], dict[str, Any]]:
    """Counters that get a column of their own, and entries that are no such counters."""
    new: dict[str, int] = {}
    odd: dict[str, Any] = {}
    taken: set[str] = set()
    for name in sorted(stats.keys() - set(channel.counters)):
        count, column = whole_number(stats[name]), _column_or_none(name, channel)
        if count is None or column is None or column in taken:
            odd[name] = stats[name]
        else:
            new[name] = count
            taken.add(column)
    return new, {name: value for name, value in odd.items() if value is not None}


def _column_or_none(name: str, channel: Channel) -> str | None:
    try:
        return counter_column(name, channel=channel)
    except ValueError:
        return None


def whole_number(value: Any) -> int | None:
    """A whole number that fits a BIGINT, or the text of one; None for anything else.

    A truth value is no number, and text is one only if it holds nothing but digits and a sign.
    """
    if isinstance(value, str) and (text := _DIGITS.fullmatch(value)):
        value = int(text[1] + text[2])
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not math.isfinite(value) or value != int(value):
        return None
    return int(value) if _SMALLEST <= int(value) <= _LARGEST else None


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "..."  # noqa: PLR2004
