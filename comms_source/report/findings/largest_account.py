"""Figures that cannot be summed over accounts are shown for the largest account. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from comms_source.report.data.facts import CompletionTime, SettlePoint

T = TypeVar("T", CompletionTime, SettlePoint)


def largest_account_rows(rows: Sequence[T]) -> list[T]:
    """The rows of the account with the most operations."""
    largest = min(rows, key=lambda row: (-row.operations, row.account), default=None)
    return [row for row in rows if largest and row.account == largest.account]
