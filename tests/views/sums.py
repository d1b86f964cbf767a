"""Arithmetic with what may not be known, in whole numbers and fractions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Final

from tests.views.view_tables import Record

MOST: Final = 10**12
"""Counters beyond it make no sense."""


def grouped(rows: Iterable[Record], *names: str) -> dict[tuple[Any, ...], list[Record]]:
    """The rows by some of their columns."""
    groups: dict[tuple[Any, ...], list[Record]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in names)].append(row)
    return groups


def share(of: Fraction | None) -> float | None:
    """A part that is larger than its whole counts as the whole."""
    return quotient(None if of is None else min(of, Fraction(1)))


def quotient(of: Fraction | None) -> float | None:
    """A fraction as a database has it."""
    return None if of is None else float(of)


def ratio(rows: Iterable[Record], part: str, *whole: str) -> Fraction | None:
    """The sum of one column by the sum of others, over the rows that tell both."""
    parts, wholes = 0, 0
    for row in rows:
        below = plus(*(row[name] for name in whole))
        if row[part] is not None and below is not None:
            parts += row[part]
            wholes += below
    return Fraction(parts, wholes) if wholes else None


def sensible(value: int | None) -> int | None:
    """The value of a counter, if it can mean anything."""
    return value if value is not None and 0 <= value <= MOST else None


def plus(*values: int | None) -> int | None:
    """The sum; None if one of the values is not known."""
    known = list(_known(values))
    return sum(known) if len(known) == len(values) else None


def sum_known(values: Iterable[int | None]) -> int | None:
    """The sum of those that are known; None if none is."""
    known = list(_known(values))
    return sum(known) if known else None


def _known(values: Iterable[int | None]) -> Iterator[int]:
    return (value for value in values if value is not None)


def less(left: int | None, right: int | None) -> bool:
    """Whether both are known and the left one is less."""
    return left is not None and right is not None and left < right
