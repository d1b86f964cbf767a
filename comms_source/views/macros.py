"""The macros of `sql/macros.sql`, and the relations that stand for tables of all channels. Pure.

A macro is one expression with parameters. A relation is called like a table:

- `each_channel()` is the union of the tables and histories of all channels; a counter that a table
  has no column for is NULL there;
- `channel_list()` has one row per channel;
- `each_resource()` is the union of the tables of resources of all channels;
- `each_attempt()` is the table of attempts, with its channel;
- `resource_modes()` is the view `int_resource_modes`, and has no rows where there are no details;
- `error_causes()` has the codes of `sql/error_causes.toml`, each with its cause.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlglot import exp, parse_one

from comms_source.channels import CHANNELS, Channel
from comms_source.tables.detail_tables import ATTEMPTS, DETAIL_TABLES, resource_table

EACH_CHANNEL: Final = "each_channel"
CHANNEL_LIST: Final = "channel_list"
EACH_RESOURCE: Final = "each_resource"
EACH_ATTEMPT: Final = "each_attempt"
RESOURCE_MODES: Final = "resource_modes"
ERROR_CAUSES: Final = "error_causes"

RELATIONS: Final = frozenset(
    {EACH_CHANNEL, CHANNEL_LIST, EACH_RESOURCE, EACH_ATTEMPT, RESOURCE_MODES, ERROR_CAUSES}
)
"""The names of all relations."""

_ATTEMPTED: Final = "messages"
"""The channel whose attempts are read."""

COUNTERS: Final = tuple(
    dict.fromkeys(name for channel in CHANNELS.values() for name in channel.counters)
)
"""Every counter of any channel."""

_MACRO: Final = re.compile(
    r"create macro (?P<name>\w+)\((?P<parameters>[^)]*)\) as\s(?P<expression>[^;]+);"
)

Columns = frozenset[tuple[str, str]]
"""The columns of the tables of operations, and of those of details if there are any: pairs of a
table and a column."""

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


def detail_columns() -> Columns:
    """The columns of the tables of details, which exist once details were asked for."""
    return frozenset((spec.name, name) for spec in DETAIL_TABLES for name in spec.column_names)


def has_details(columns: Columns) -> bool:
    """Whether all tables of details exist."""
    return {spec.name for spec in DETAIL_TABLES} <= {table for table, _ in columns}


def tables_behind(relations: Iterable[str]) -> set[str]:
    """The tables and views that these relations read."""
    channels = CHANNELS.values()
    read = {
        EACH_CHANNEL: [name for each in channels for name in (each.table, each.history_table)],
        EACH_RESOURCE: [resource_table(channel).name for channel in channels],
        EACH_ATTEMPT: [ATTEMPTS.name],
        RESOURCE_MODES: [f"int_{RESOURCE_MODES}"],
    }
    return {name for relation in relations for name in read.get(relation, ())}


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


def relations_of(
    columns: Columns, pins: Mapping[str, str], causes: Mapping[str, str]
) -> dict[str, Any]:
    """The queries behind the relations, by their names.

    Args:
        columns: The counters that each table has a column for, and the columns of the tables of
            details, if these exist.
        pins: The counter mode that is pinned for a channel.
        causes: What each error code means.
    """
    queries = {
        **_channel_relations(columns, pins),
        RESOURCE_MODES: _resource_modes(exist=has_details(columns)),
        ERROR_CAUSES: " union all ".join(
            f"select cast({int(code)} as bigint) as error_code, "
            f"{exp.Literal.string(cause).sql('duckdb')} as cause"
            for code, cause in causes.items()
        ),
    }
    return {name: parse_one(query, read="duckdb") for name, query in queries.items()}


def _channel_relations(columns: Columns, pins: Mapping[str, str]) -> dict[str, str]:
    each, one, resources, attempts = [], [], [], []
    for order, channel in enumerate(CHANNELS.values(), start=1):
        constants = _constants(channel, order, pins.get(channel.name))
        one.append(f"select {constants}")
        for table in (channel.table, channel.history_table):
            rows = _rows(table, columns, is_current=table == channel.table)
            each.append(f"select {constants}, {rows} from {table}")  # noqa: S608
        spec = resource_table(channel)
        of_resources = ", ".join(spec.columns.names)
        resources.append(f"select {constants}, {of_resources} from {spec.name}")  # noqa: S608
        if channel.name == _ATTEMPTED:
            of_attempts = ", ".join(ATTEMPTS.columns.names)
            attempts.append(f"select {constants}, {of_attempts} from {ATTEMPTS.name}")  # noqa: S608
    selects = {EACH_CHANNEL: each, CHANNEL_LIST: one, EACH_RESOURCE: resources}
    return {
        name: " union all ".join(found)
        for name, found in (selects | {EACH_ATTEMPT: attempts}).items()
    }


def _resource_modes(*, exist: bool) -> str:
    names = ("account", "channel", "resource_mode")
    if exist:
        return f"select {', '.join(names)} from int_{RESOURCE_MODES}"  # noqa: S608
    return f"select {', '.join(f'cast(null as text) as {name}' for name in names)} limit 0"


def _constants(channel: Channel, order: int, pin: str | None) -> str:
    """The columns that are the same in every row of a channel."""
    engages = not {"read", "opened"}.isdisjoint(channel.counters)
    pinned = f"'{pin}'" if pin else "null"
    return (
        f"'{channel.name}' as channel, cast({order} as bigint) as channel_order, "
        f"{'delivered' in channel.counters} as has_outcomes, {engages} as has_engagement, "
        f"{channel.name == _ATTEMPTED} as has_attempts, "
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
