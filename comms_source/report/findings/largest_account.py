"""Figures that cannot be summed over accounts are shown for the largest account. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol, TypeVar


class _OfAccount(Protocol):
    @property
    def account(self) -> str: ...

    @property
    def operations(self) -> int: ...


T = TypeVar("T", bound=_OfAccount)


def largest_account_rows(rows: Sequence[T]) -> list[T]:
    """The rows of the account with the most operations."""
    operations: dict[str, int] = defaultdict(int)
    for row in rows:
        operations[row.account] = max(operations[row.account], row.operations)
    largest = min(operations, key=lambda name: (-operations[name], name), default=None)
    return [row for row in rows if row.account == largest]
