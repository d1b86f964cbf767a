"""Exact arithmetic with values that may be unknown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Final

from tests.views.view_tables import Record

MOST: Final = 10**12
"""The maximum of a valid counter."""


def grouped(rows: Iterable[Record], *names: str) -> dict[tuple[Any, ...], list[Record]]:
    """The rows by some of their columns."""
    groups: dict[tuple[Any, ...], list[Record]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in names)].append(row)
    return groups


def share(part: int | None, whole: int | None) -> float | None:
    """A part of a whole; a part that is larger than its whole counts as the whole."""
    ratio = fraction(part, whole)
    return None if ratio is None else float(min(ratio, Fraction(1)))


def quotient(part: int | None, whole: int | None) -> float | None:
    """The quotient of two numbers as a float; it may exceed 1."""
    ratio = fraction(part, whole)
    return None if ratio is None else float(ratio)


def fraction(part: int | None, whole: int | None) -> Fraction | None:
    """The quotient of two numbers; None if one is not known or the whole is not above 0."""
    if part is None or whole is None or whole <= 0:
        return None
    return Fraction(part, whole)


def point(low: Any, high: Any) -> Any:
    """The value of an interval whose ends are equal; None otherwise."""
    return low if low == high else None


def interval(name: str, low: Any, high: Any) -> Record:
    """The three columns of an interval: its value, its lower and its upper end."""
    return {name: point(low, high), f"{name}_low": low, f"{name}_high": high}


def sensible(value: int | None) -> int | None:
    """The value of a counter, or None if it is invalid."""
    return value if value is not None and 0 <= value <= MOST else None


def plus(*values: int | None) -> int | None:
    """The sum; None if one of the values is not known."""
    known = list(_known(values))
    return sum(known) if len(known) == len(values) else None


def sum_known(values: Iterable[int | None]) -> int | None:
    """The sum of the known values; None if there are none."""
    known = list(_known(values))
    return sum(known) if known else None


def sum_column(rows: Iterable[Record], name: str) -> int | None:
    """The sum of the known values of a column; None if there are none."""
    return sum_known(row[name] for row in rows)


def _known(values: Iterable[int | None]) -> Iterator[int]:
    return (value for value in values if value is not None)


def less(left: int | None, right: int | None) -> bool:
    """Whether both are known and the left one is less."""
    return left is not None and right is not None and left < right
