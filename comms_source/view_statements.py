"""What makes the views in one dialect of SQL: sqlglot's work, and what it leaves to do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from comms_source.channels import CHANNELS
from comms_source.view_files import View, parsed, read_views, tables_of
from comms_source.view_settings import ViewSettings
from comms_source.windows import to_iso

COMMENTING: Final = frozenset({"duckdb", "postgres", "snowflake", "redshift"})
"""The dialects in which views take comments by `comment on`."""


@dataclass(frozen=True, slots=True)
class ViewStatements:
    """What makes one view in one destination."""

    name: str
    create: str
    drop: str
    comments: Sequence[str]


def view_statements(
    *, dialect: str, dataset: str, settings: ViewSettings | None = None
) -> list[ViewStatements]:
    """The statements that make the views in `dataset`, in the order to run them in.

    Args:
        dialect: The destination's, by sqlglot's name.
        dataset: The schema that holds the tables and gets the views.
        settings: What the views are told; by default UTC, and that rows tell how to read them.
    """
    return list(_statements(dialect, dataset, settings or ViewSettings()))


@cache
def _statements(dialect: str, dataset: str, settings: ViewSettings) -> tuple[ViewStatements, ...]:
    return tuple(
        ViewStatements(
            name=view.name,
            create=_create(view, dialect=dialect, dataset=dataset, settings=settings),
            drop=f"drop view if exists {_qualified(view.name, dialect=dialect, dataset=dataset)}",
            comments=_comments(view, dialect=dialect, dataset=dataset),
        )
        for view in read_views()
    )


def _create(view: View, *, dialect: str, dataset: str, settings: ViewSettings) -> str:
    from sqlglot import exp  # noqa: PLC0415 - slow to import, and seldom needed

    from comms_source.view_dialects import fitted  # noqa: PLC0415 - imports sqlglot

    outside = tables_of(view.sql)
    query = parsed(view.sql).copy()
    for table in query.find_all(exp.Table):
        if table.name in outside:
            table.set("db", exp.to_identifier(dataset, quoted=_quotes(dialect)))
    query = query.transform(_filled(settings), copy=False)
    query = fitted(query, dialect)
    create = exp.Create(
        this=exp.table_(view.name, db=dataset, quoted=_quotes(dialect)),
        kind="VIEW",
        replace=True,
        expression=query,
    )
    return create.sql(dialect=dialect, comments=False)


def _filled(settings: ViewSettings) -> Callable[[Any], Any]:
    """Puts what the settings say in the place of the names that stand for it."""
    from sqlglot import exp  # noqa: PLC0415

    now = _instant(settings) if settings.now else exp.CurrentTimestamp()
    seconds = exp.Literal.string(str(int(settings.retention.total_seconds())))
    values: dict[str, Any] = {
        "time_zone": exp.Literal.string(settings.time_zone),
        "retained_from": exp.Paren(
            this=exp.Sub(this=now, expression=exp.Interval(this=seconds, unit=exp.var("second")))
        ),
        "now": now,
    }
    for channel in CHANNELS:
        pinned = settings.stats_reading.get(channel)
        values[f"{channel}_reading"] = exp.Literal.string(pinned) if pinned else exp.Null()

    def fill(node: Any) -> Any:
        return values[node.name].copy() if isinstance(node, exp.Placeholder) else node

    return fill


def _instant(settings: ViewSettings) -> Any:
    from sqlglot import exp  # noqa: PLC0415

    text = "" if settings.now is None else to_iso(settings.now)
    return exp.cast(exp.Literal.string(text), "timestamptz")


def _comments(view: View, *, dialect: str, dataset: str) -> list[str]:
    if dialect not in COMMENTING:
        return []
    mark = '"' if _quotes(dialect) else ""
    place = _qualified(view.name, dialect=dialect, dataset=dataset)
    on_columns = [
        f"comment on column {place}.{mark}{column}{mark} is {_quoted(comment)}"
        for column, comment in view.columns.items()
    ]
    return [f"comment on view {place} is {_quoted(view.comment)}", *on_columns]


def _qualified(name: str, *, dialect: str, dataset: str) -> str:
    from sqlglot import exp  # noqa: PLC0415

    return exp.table_(name, db=dataset, quoted=_quotes(dialect)).sql(dialect=dialect)


def _quotes(dialect: str) -> bool:
    """Whether names are quoted; Snowflake's are not, since there dlt's are in upper case."""
    return dialect != "snowflake"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
