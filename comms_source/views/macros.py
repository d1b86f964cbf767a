"""The macros of `sql/macros.sql`, and two relations that stand for all channels. Pure.

A macro is one expression with parameters. The relation `each_channel()` is the union of the tables
and histories of all channels; a counter that a table has no column for is NULL there. The relation
`channel_list()` has one row per channel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sqlglot import exp, parse_one

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

Columns = frozenset[tuple[str, str]]
"""The columns of the tables of operations: pairs of a table and a column."""

Macros = Mapping[str, tuple[tuple[str, ...], Any]]
"""The parameters and the expression of each macro, by its name."""


def documented_columns() -> Columns:
    """The counters that the API documents, for each channel's table and history."""
    return frozenset(
        (table, counter)
        for channel in CHANNELS.values()
        for table in (channel.table, channel.history_table)
        for counter in channel.counters
    )


def parse_macros(text: str) -> Macros:
    """The macros of a text with `create macro` statements."""
    # Some supported versions of sqlglot do not know the statement.
    return {
        found["name"]: (
            tuple(re.findall(r"\w+", found["parameters"])),
            parse_one(found["expression"], read="duckdb"),
        )
        for found in _MACRO.finditer(re.sub(r"--.*", "", text))
    }


def expand_macros(tree: Any, macros: Macros) -> Any:
    """Replace each call of a macro in `tree`, in place, by its expression."""

    def expand(node: Any) -> Any:
        if not isinstance(node, exp.Anonymous) or node.name not in macros:
            return node
        parameters, body = macros[node.name]
        if len(parameters) != len(node.expressions):
            raise ValueError(f"{node.sql()}: {node.name} takes {', '.join(parameters)}")
        values = dict(zip(parameters, node.expressions, strict=True))
        # Arguments first, so that an argument may be a call of another macro.
        return exp.Paren(this=expand_macros(fill(body.copy(), exp.Column, values), macros))

    return tree.transform(expand, copy=False)


def fill(tree: Any, kind: type[Any], values: Mapping[str, Any]) -> Any:
    """Replace each column, or each placeholder, in `tree`, in place, by the value of its name."""

    def replaced(node: Any) -> Any:
        if not isinstance(node, kind) or node.text("table") or node.name not in values:
            return node
        value = values[node.name].copy()
        return exp.Paren(this=value) if isinstance(value, exp.Binary | exp.Case) else value

    return tree.transform(replaced, copy=False)


def channel_relations(columns: Columns, pins: Mapping[str, str]) -> dict[str, Any]:
    """The queries behind the relations `each_channel()` and `channel_list()`, by their names.

    Args:
        columns: The counters that each table has a column for.
        pins: The counter mode that is pinned for a channel.
    """
    each, one = [], []
    for order, channel in enumerate(CHANNELS.values(), start=1):
        constants = _constants(channel, order, pins.get(channel.name))
        one.append(f"select {constants}")
        for table in (channel.table, channel.history_table):
            rows = _rows(table, columns, is_current=table == channel.table)
            each.append(f"select {constants}, {rows} from {table}")  # noqa: S608
    return {
        name: parse_one(" union all ".join(selects), read="duckdb")
        for name, selects in ((EACH_CHANNEL, each), (CHANNEL_LIST, one))
    }


def _constants(channel: Channel, order: int, pin: str | None) -> str:
    """The columns that are the same in every row of a channel."""
    engages = not {"read", "opened"}.isdisjoint(channel.counters)
    pinned = f"'{pin}'" if pin else "null"
    return (
        f"'{channel.name}' as channel, cast({order} as bigint) as channel_order, "
        f"{'delivered' in channel.counters} as has_outcomes, {engages} as has_engagement, "
        f"cast({pinned} as text) as pinned_mode"
    )


def _rows(table: str, columns: Columns, *, is_current: bool) -> str:
    """The columns of an operation or of one of its states; those that it has not are NULL."""
    absent = {name: "bigint" for name in COUNTERS if (table, name) not in columns}
    validity = {"valid_from": "timestamptz", "valid_to": "timestamptz"}
    absent |= validity if is_current else {"extra": "text"}
    selected = ", ".join(
        f"cast(null as {absent[name]}) as {name}" if name in absent else name
        for name in (*validity, "extra", *COUNTERS)
    )
    return (
        f"{is_current} as is_current, account, id, status, created_at, updated_at, synced_at, "
        f"{selected}"
    )
