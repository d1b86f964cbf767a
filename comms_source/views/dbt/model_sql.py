"""A view of `sql/` as a dbt model. Pure.

The query is written in PostgreSQL's dialect, which DuckDB reads too, with the same results. So one
file serves both. Tables become `source()`, views become `ref()`, and settings become macros, which
read dbt's variables.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Any, Final

from sqlglot import exp, parse_one

from comms_source.channels import CHANNELS
from comms_source.views.dialects import rewritten
from comms_source.views.files import (
    View,
    detail_view_names,
    error_causes,
    parsed,
    tables_of,
    view_names,
)
from comms_source.views.macros import (
    RESOURCE_MODES,
    detail_columns,
    documented_columns,
    fill,
    relations_of,
)
from comms_source.views.statements import with_tables

DIALECT: Final = "postgres"
"""The dialect that both databases read."""

_NUMBERS: Final = (
    "retention_hours",
    "stuck_seconds",
    "stuck_hours",
    "alert_volume",
    "alert_points",
    "alert_days",
)
_TEXTS: Final = ("time_zone", "details")
_ENABLED: Final = "var('comms_views') == 'models'"
_HEADER: Final = """\
{{{{ config(enabled={enabled}) }}}}

{comment}
-- Generated from sql/{folder}/{name}.sql: do not edit.
"""
_LABELED: Final = "-- depends_on: {{ comms_source.labels_seed() }}\n"
"""Labels that a seed brings are in the table before a model reads it."""


def model_sql(view: View, *, folder: str) -> str:
    """The file of a model.

    Raises:
        ValueError: if the view's own text would be taken for Jinja.
    """
    if any(mark in view.sql for mark in ("{{", "{%", "{#")):
        raise ValueError(f"{view.name}.sql: dbt would take a part of it for Jinja")
    details = view.name in detail_view_names()
    header = _HEADER.format(
        enabled=f"{_ENABLED} and var('comms_details')" if details else _ENABLED,
        comment="\n".join(takewhile(lambda line: line.startswith("--"), view.sql.splitlines())),
        folder=folder,
        name=view.name,
    )
    reads = tables_of(view.sql)
    labeled = _LABELED if "operation_labels" in reads else ""
    return f"{header}{labeled}{_query(view.sql, reads)}\n"


def _query(sql: str, reads: frozenset[str]) -> str:
    pins = {name: f"pinned_{name}" for name in CHANNELS}
    columns = documented_columns() | detail_columns()
    relations = relations_of(columns, pins, error_causes())
    relations[RESOURCE_MODES] = parse_one(f"select * from {RESOURCE_MODES}")  # noqa: S608
    query = with_tables(parsed(sql).copy(), reads | {RESOURCE_MODES}, relations, _reference)
    query = rewritten(fill(query, exp.Placeholder, _values()), DIALECT)
    text: str = query.sql(dialect=DIALECT, pretty=True, comments=False)
    for name, pin in pins.items():
        text = text.replace(f"'{pin}'", f'{{{{ comms_source.pinned_mode("{name}") }}}}')
    return text


def _reference(name: str, alias: str) -> Any:
    if name == RESOURCE_MODES:
        text = "{{ comms_source.resource_modes() }}"
    elif name in view_names(details=True):
        text = f'{{{{ ref("comms_source", "{name}") }}}}'
    else:
        text = f'{{{{ source("comms", "{name}") }}}}'
    return exp.alias_(exp.Table(this=exp.var(text)), alias or name, table=True)


def _values() -> dict[str, Any]:
    """The macro that stands for each setting of the views."""
    retention = exp.Literal.string("{{ comms_source.retention_seconds() }}")
    now = exp.CurrentTimestamp()
    retained = parse_one("(current_timestamp - interval 'x' second)", read="duckdb")
    next(retained.find_all(exp.Literal)).replace(retention)
    numbers = {name: exp.var(f"{{{{ comms_source.{name}() }}}}") for name in _NUMBERS}
    texts = {name: exp.Literal.string(f"{{{{ comms_source.{name}() }}}}") for name in _TEXTS}
    return {**numbers, **texts, "now": now, "retained_from": retained}
