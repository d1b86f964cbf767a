"""The macros of `sql/macros.sql`, and two relations that stand for all channels. Pure.

A macro is one expression with parameters. The relation `each_channel()` is the union of the tables
and histories of all channels; a counter that a table has no column for is NULL there. The relation
`channel_list()` has one row per channel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from comms_source.channels import CHANNELS, Channel

EACH_CHANNEL: Final = "each_channel"
CHANNEL_LIST: Final = "channel_list"

COUNTERS: Final = tuple(
    dict.fromkeys(name for channel in CHANNELS.values() for name in channel.counters)
)
"""Every counter of any channel."""

_MACRO: Final = re.compile(
    r"create macro (?P<name>\w+)\((?P<parameters>[^)]*)\) as\s(?P<expression>[^;]+);"
)

Columns = Mapping[str, frozenset[str]]
"""The columns of each table of operations, by the table's name."""


def documented_columns() -> Columns:
    """The counters that the API documents, for each channel's table and history."""
    return {
        table: frozenset(channel.counters)
        for channel in CHANNELS.values()
        for table in (channel.table, channel.history_table)
    }


def parse_macros(text: str) -> dict[str, tuple[tuple[str, ...], Any]]:
    """The parameters and the expression of each `create macro` statement, by the macro's name."""
    from sqlglot import parse_one  # noqa: PLC0415 - slow to import, and seldom needed

    # Some supported versions of sqlglot do not know the statement.
    return {
        found["name"]: (
            tuple(re.findall(r"\w+", found["parameters"])),
            parse_one(found["expression"], read="duckdb"),
        )
        for found in _MACRO.finditer(re.sub(r"--.*", "", text))
    }


def expand_macros(tree: Any, macros: Mapping[str, tuple[tuple[str, ...], Any]]) -> Any:
    """Replace each call of a macro in `tree`, in place, by its expression."""
    from sqlglot import exp  # noqa: PLC0415

    def expand(node: Any) -> Any:
        if not isinstance(node, exp.Anonymous) or node.name not in macros:
            return node
        parameters, body = macros[node.name]
        if len(parameters) != len(node.expressions):
            raise ValueError(f"{node.sql()}: {node.name} takes {', '.join(parameters)}")
        values = dict(zip(parameters, node.expressions, strict=True))
        # Arguments first, so that an argument may be a call of another macro.
        filled = body.copy().transform(_fill(values), copy=False)
        return exp.Paren(this=expand_macros(filled, macros))

    return tree.transform(expand, copy=False)


def _fill(values: Mapping[str, Any]) -> Callable[[Any], Any]:
    from sqlglot import exp  # noqa: PLC0415

    def fill(node: Any) -> Any:
        if isinstance(node, exp.Column) and not node.table and node.name in values:
            value = values[node.name].copy()
            return exp.Paren(this=value) if isinstance(value, exp.Binary | exp.Case) else value
        return node

    return fill


def relation_of(table: Any) -> str:
    """The name of a table in a query, or of the relation called instead of a table."""
    name: str = table.name or table.this.name
    return name


@cache
def channel_tables() -> frozenset[str]:
    """The tables that `each_channel` reads."""
    return frozenset(documented_columns())


def each_channel(columns: Columns, pins: Mapping[str, str]) -> Any:
    """A query of all channels: the current operations, and all states of the histories.

    Args:
        columns: The counters that each table has a column for.
        pins: The counter mode that is pinned for a channel.
    """
    from sqlglot import parse_one  # noqa: PLC0415

    selects = [
        _select(channel, order, pins.get(channel.name), table, columns[table])
        for order, channel in enumerate(CHANNELS.values(), start=1)
        for table in (channel.table, channel.history_table)
    ]
    return parse_one(" union all ".join(selects), read="duckdb")


def channel_list(pins: Mapping[str, str]) -> Any:
    """A query with one row for each channel, and no table in it."""
    from sqlglot import parse_one  # noqa: PLC0415

    selects = [
        f"select {_constants(channel, order, pins.get(channel.name))}"
        for order, channel in enumerate(CHANNELS.values(), start=1)
    ]
    return parse_one(" union all ".join(selects), read="duckdb")


def _constants(channel: Channel, order: int, pin: str | None) -> str:
    """The columns that are the same in every row of a channel."""
    engages = not {"read", "opened"}.isdisjoint(channel.counters)
    pinned = f"'{pin}'" if pin else "null"
    return (
        f"'{channel.name}' as channel, cast({order} as bigint) as channel_order, "
        f"{'delivered' in channel.counters} as has_outcomes, {engages} as has_engagement, "
        f"cast({pinned} as text) as pinned_mode"
    )


def _select(
    channel: Channel, order: int, pin: str | None, table: str, present: frozenset[str]
) -> str:
    is_current = table == channel.table
    validity = ", ".join(
        name if not is_current else f"cast(null as timestamptz) as {name}"
        for name in ("valid_from", "valid_to")
    )
    counters = ", ".join(
        name if name in present else f"cast(null as bigint) as {name}" for name in COUNTERS
    )
    extra = "extra" if is_current else "cast(null as text) as extra"
    return (
        f"select {_constants(channel, order, pin)}, {is_current} as is_current, account, id, "  # noqa: S608
        f"status, created_at, updated_at, synced_at, {validity}, {extra}, {counters} from {table}"
    )
