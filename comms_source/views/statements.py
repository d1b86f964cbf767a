"""The statements that create the views in one SQL dialect: sqlglot's output, adjusted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlglot import exp, parse_one

from comms_source.tables.registry import all_tables
from comms_source.timespans import to_iso
from comms_source.views.dialects import rewritten
from comms_source.views.files import View, error_causes, parsed, read_views, tables_of
from comms_source.views.macros import (
    Columns,
    documented_columns,
    fill,
    has_details,
    relations_of,
)
from comms_source.views.settings import ViewSettings

COMMENTING: Final = frozenset({"duckdb", "postgres", "snowflake", "redshift"})
"""The dialects with `comment on`."""


@dataclass(frozen=True, slots=True)
class ViewStatements:
    """The statements for one view in one destination."""

    name: str
    create: str
    drop: str
    comments: Sequence[str]
    """For the view, then for each of its columns."""
    relation: str
    """The qualified name of the view."""
    query: str
    """The view's select statement."""
    columns: Sequence[str]
    """The names of the columns, not quoted."""
    reads: frozenset[str]
    """The tables and views that it selects from, by their unqualified names."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tables are and the views go, in one dialect."""

    dialect: str
    dataset: str
    catalog: str
    prefix: str

    def table(self, name: str, alias: str = "") -> exp.Table:
        """A table or view there."""
        return exp.table_(
            self.prefix + name,
            db=self.dataset or None,
            catalog=self.catalog or None,
            quoted=self.quotes,
            alias=alias or None,
        )

    def reference(self, name: str, alias: str) -> exp.Table:
        """The same in a query, whose columns refer to it by its alias or by its name."""
        return self.table(name, alias or (name if self.prefix else ""))

    def qualified(self, name: str) -> str:
        """The qualified name of a table or view there."""
        return self.table(name).sql(dialect=self.dialect)

    @property
    def quotes(self) -> bool:
        """Whether names are quoted; Snowflake's are not, because dlt's names are upper case."""
        return self.dialect != "snowflake"


def view_statements(
    *,
    dialect: str,
    dataset: str,
    catalog: str = "",
    prefix: str = "",
    settings: ViewSettings | None = None,
    columns: Columns | None = None,
    pretty: bool = False,
) -> list[ViewStatements]:
    """The statements that create the views in `dataset`, in the order to run them in.

    Args:
        dialect: The destination's dialect, by sqlglot's name.
        dataset: The schema that holds the tables and gets the views.
        catalog: The catalog of the schema, if it is part of the names, such as BigQuery's project.
        prefix: The prefix of the names of tables and views, if a schema holds several datasets, as
            ClickHouse's databases do.
        settings: The settings of the views; by default UTC, and the operations decide the counter
            mode.
        columns: The counters that each table of operations has a column for, and the columns of
            the tables of details if these exist; by default the documented counters, and no
            details. Without details, the views of details are left out.
        pretty: Whether the queries have line breaks.
    """
    place = Place(dialect, dataset, catalog, prefix)
    settings, columns = settings or ViewSettings(), columns or documented_columns()
    return list(_statements(place, settings, columns, pretty))


@cache
def _statements(
    place: Place, settings: ViewSettings, columns: Columns, pretty: bool
) -> tuple[ViewStatements, ...]:
    details = has_details(columns)
    relations = relations_of(columns, settings.counter_mode, error_causes())
    values = _values(settings, details=details)
    views = read_views(details=details)
    return tuple(_statements_of(view, place, relations, values, pretty=pretty) for view in views)


def _statements_of(
    view: View,
    place: Place,
    relations: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    pretty: bool,
) -> ViewStatements:
    reads = tables_of(view.sql)
    query = with_tables(parsed(view.sql).copy(), reads, relations, place.reference)
    query = rewritten(fill(query, exp.Placeholder, values), place.dialect)
    select = query.sql(dialect=place.dialect, comments=False, copy=False, pretty=pretty)
    relation = place.qualified(view.name)
    return ViewStatements(
        name=view.name,
        create=f"CREATE OR REPLACE VIEW {relation} AS {select}",
        drop=f"drop view if exists {relation}",
        comments=_comments(place, "view", view.name, view.comment, view.columns),
        relation=relation,
        query=select,
        columns=tuple(view.columns),
        reads=reads,
    )


def with_tables(
    query: Any,
    outside: frozenset[str],
    relations: Mapping[str, Any],
    reference: Callable[[str, str], Any],
) -> Any:
    """The query, changed in place, with the relations as subqueries, and references to tables.

    Args:
        query: A view's query.
        outside: The tables and views that it reads.
        relations: The queries behind the relations of `macros`.
        reference: What stands for a table or view, from its name and its alias, if it has one.
    """
    for table in list(query.find_all(exp.Table)):
        name = table.this.name
        if name in relations:
            subquery = exp.Subquery(this=relations[name].copy())
            table.replace(exp.alias_(subquery, table.alias or name, table=True))
    for table in list(query.find_all(exp.Table)):
        if table.name in outside:
            table.replace(reference(table.name, table.alias))
    return query


def _values(settings: ViewSettings, *, details: bool) -> dict[str, Any]:
    """The values of the placeholders in the files."""
    now = f"cast('{to_iso(settings.now)}' as timestamptz)" if settings.now else "current_timestamp"
    retention = settings.retention.total_seconds()
    stuck_after = settings.stuck_after.total_seconds()
    numbers = {
        "retention_hours": retention / 3600,
        "stuck_seconds": stuck_after,
        "stuck_hours": stuck_after / 3600,
        "alert_volume": settings.alert_volume,
        "alert_points": settings.alert_points,
        "alert_days": settings.alert_days,
    }
    texts = {name: repr(number).removesuffix(".0") for name, number in numbers.items()} | {
        "time_zone": f"'{settings.time_zone}'",
        "details": f"'{str(details).lower()}'",
        "now": now,
        "retained_from": f"({now} - interval '{int(retention)}' second)",
    }
    return {name: parse_one(text, read="duckdb") for name, text in texts.items()}


def table_comments(
    *, dialect: str, dataset: str, catalog: str = "", prefix: str = "", details: bool = False
) -> list[list[str]]:
    """The statements that comment each table and its columns, table by table.

    `details` says whether there are tables of details.
    """
    place = Place(dialect, dataset, catalog, prefix)
    return [
        _comments(place, "table", spec.name, spec.description, columns)
        for spec in all_tables(details=details)
        for columns in [{name: spec.described(name) for name in spec.column_names}]
    ]


def _comments(
    place: Place, kind: str, relation: str, comment: str, columns: Mapping[str, str]
) -> list[str]:
    if place.dialect not in COMMENTING:
        return []
    name = place.qualified(relation)
    mark = '"' if place.quotes else ""
    commented = {f"{kind} {name}": comment} | {
        f"column {name}.{mark}{column}{mark}": text for column, text in columns.items()
    }
    return [
        f"comment on {each} is {exp.Literal.string(text).sql()}" for each, text in commented.items()
    ]
