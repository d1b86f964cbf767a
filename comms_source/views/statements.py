"""The statements that create the views in one SQL dialect: sqlglot's output, adjusted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from comms_source.tables.registry import all_tables
from comms_source.timespans import to_iso
from comms_source.views.files import View, parsed, read_views, tables_of
from comms_source.views.macros import (
    CHANNEL_LIST,
    EACH_CHANNEL,
    Columns,
    channel_list,
    documented_columns,
    each_channel,
    relation_of,
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
    catalog: str = ""
    prefix: str = ""
    columns: tuple[tuple[str, frozenset[str]], ...] = ()
    """The counters that each table of operations has a column for."""

    def name(self, relation: str) -> Any:
        """A table or view there, as a node of sqlglot."""
        from sqlglot import exp  # noqa: PLC0415 - slow to import, and seldom needed

        return exp.table_(
            self.prefix + relation,
            db=self.dataset or None,
            catalog=self.catalog or None,
            quoted=_quotes(self.dialect),
        )


def view_statements(
    *,
    dialect: str,
    dataset: str,
    catalog: str = "",
    prefix: str = "",
    settings: ViewSettings | None = None,
    columns: Columns | None = None,
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
        columns: The counters that each table of operations has a column for; by default the
            documented ones.
    """
    present = tuple(sorted((columns or documented_columns()).items()))
    place = Place(dialect, dataset, catalog, prefix, present)
    return list(_statements(place, settings or ViewSettings()))


@cache
def _statements(place: Place, settings: ViewSettings) -> tuple[ViewStatements, ...]:
    return tuple(_statements_of(view, place, settings) for view in read_views())


def _statements_of(view: View, place: Place, settings: ViewSettings) -> ViewStatements:
    from sqlglot import exp  # noqa: PLC0415 - slow to import, and seldom needed

    query = _query(view, place=place, settings=settings)
    create = exp.Create(this=place.name(view.name), kind="VIEW", replace=True, expression=query)
    return ViewStatements(
        name=view.name,
        create=create.sql(dialect=place.dialect, comments=False),
        drop=f"drop view if exists {_qualified(view.name, place)}",
        comments=_comments("view", view.name, place, comment=view.comment, columns=view.columns),
        relation=_qualified(view.name, place),
        query=query.sql(dialect=place.dialect, comments=False),
        columns=tuple(view.columns),
        reads=frozenset(tables_of(view.sql)),
    )


def _query(view: View, *, place: Place, settings: ViewSettings) -> Any:
    from sqlglot import exp  # noqa: PLC0415 - slow to import, and seldom needed

    from comms_source.views.dialects import rewritten  # noqa: PLC0415 - imports sqlglot

    outside = tables_of(view.sql)
    query = _with_channels(parsed(view.sql).copy(), place, settings)
    for table in list(query.find_all(exp.Table)):
        if table.name in outside:
            _move(table, place)
    query = query.transform(_filled(settings), copy=False)
    return rewritten(query, place.dialect)


def _with_channels(query: Any, place: Place, settings: ViewSettings) -> Any:
    """The query, with subqueries in place of the relations over all channels."""
    from sqlglot import exp  # noqa: PLC0415

    makers: dict[str, Callable[[], Any]] = {
        EACH_CHANNEL: lambda: each_channel(dict(place.columns), settings.counter_mode),
        CHANNEL_LIST: lambda: channel_list(settings.counter_mode),
    }
    for table in list(query.find_all(exp.Table)):
        relation = relation_of(table)
        if relation in makers:
            alias = exp.TableAlias(this=exp.to_identifier(table.alias or relation))
            table.replace(exp.Subquery(this=makers[relation](), alias=alias))
    return query


def _move(table: Any, place: Place) -> None:
    """Qualify a table; columns still refer to it by the name in the file."""
    from sqlglot import exp  # noqa: PLC0415

    if place.prefix and not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
    moved = place.name(table.name)
    for part in ("this", "db", "catalog"):
        table.set(part, moved.args.get(part))


def _filled(settings: ViewSettings) -> Callable[[Any], Any]:
    """A function that replaces the placeholders by the settings."""
    from sqlglot import exp  # noqa: PLC0415

    now = _instant(settings) if settings.now else exp.CurrentTimestamp()
    seconds = exp.Literal.string(str(int(settings.retention.total_seconds())))
    numbers = {
        "retention_hours": settings.retention.total_seconds() / 3600,
        "stuck_seconds": settings.stuck_after.total_seconds(),
        "stuck_hours": settings.stuck_after.total_seconds() / 3600,
        "alert_volume": settings.alert_volume,
        "alert_points": settings.alert_points,
        "alert_days": settings.alert_days,
    }
    values: dict[str, Any] = {
        "time_zone": exp.Literal.string(settings.time_zone),
        "retained_from": exp.Paren(
            this=exp.Sub(this=now, expression=exp.Interval(this=seconds, unit=exp.var("second")))
        ),
        "now": now,
        **{
            name: exp.Literal.number(repr(number).removesuffix(".0"))
            for name, number in numbers.items()
        },
    }

    def fill(node: Any) -> Any:
        return values[node.name].copy() if isinstance(node, exp.Placeholder) else node

    return fill


def _instant(settings: ViewSettings) -> Any:
    from sqlglot import exp  # noqa: PLC0415

    text = "" if settings.now is None else to_iso(settings.now)
    return exp.cast(exp.Literal.string(text), "timestamptz")


def table_comments(
    *, dialect: str, dataset: str, catalog: str = "", prefix: str = ""
) -> list[list[str]]:
    """The statements that comment each table and its columns, table by table."""
    place = Place(dialect, dataset, catalog, prefix)
    return [
        _comments(
            "table",
            spec.name,
            place,
            comment=spec.description,
            columns={name: spec.described(name) for name in spec.column_names},
        )
        for spec in all_tables()
    ]


def _comments(
    kind: str, relation: str, place: Place, *, comment: str, columns: Mapping[str, str]
) -> list[str]:
    if place.dialect not in COMMENTING:
        return []
    mark = '"' if _quotes(place.dialect) else ""
    name = _qualified(relation, place)
    on_columns = [
        f"comment on column {name}.{mark}{column}{mark} is {_quoted(text)}"
        for column, text in columns.items()
    ]
    return [f"comment on {kind} {name} is {_quoted(comment)}", *on_columns]


def _qualified(name: str, place: Place) -> str:
    qualified: str = place.name(name).sql(dialect=place.dialect)
    return qualified


def _quotes(dialect: str) -> bool:
    """Whether names are quoted; Snowflake's are not, because dlt's names are upper case there."""
    return dialect != "snowflake"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
