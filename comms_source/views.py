"""The SQL views: read from `sql/`, fitted to the destination, and made there.

One file is one view of the file's name, in DuckDB's dialect; other dialects come from sqlglot. The
first comment of a file describes the view; the last `select` lists bare columns, each with its
comment behind it or on the line above.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from comms_source.channels import CHANNELS
from comms_source.errors import ConfigurationError

if TYPE_CHECKING:
    import dlt

StatsReading = Literal["exclusive", "cumulative"]
"""How the counters of a channel are read: each resource counted once, or once a stage."""

COMMENTING: Final = frozenset({"duckdb", "postgres", "snowflake", "redshift"})
"""The dialects in which views take comments by `comment on`."""

_COLUMN: Final = re.compile(r"\s*(?P<name>[a-z_][a-z_0-9]*),?\s*(?:--\s*(?P<comment>.+))?")
_COMMENT: Final = re.compile(r"\s*--\s*(?P<comment>.+)")


@dataclass(frozen=True, slots=True)
class View:
    """One view as its file has it."""

    name: str
    sql: str
    """The query, in DuckDB's dialect, its tables not qualified."""
    comment: str
    columns: Mapping[str, str]
    """The comment of each column, in the view's order."""


@dataclass(frozen=True, slots=True)
class ViewStatements:
    """What makes one view in one destination."""

    name: str
    create: str
    comments: Sequence[str]


@cache
def read_views() -> tuple[View, ...]:
    """The views of this project, each after those that it reads."""
    views = {
        path.stem: parse_view(path.stem, path.read_text(encoding="utf-8")) for path in _sql_files()
    }
    needs = {name: _tables(view.sql) & views.keys() for name, view in views.items()}
    try:
        return tuple(views[name] for name in TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise ValueError(f"views that read each other: {error.args[1]}") from None


def parse_view(name: str, sql: str) -> View:
    """Take a view's file apart.

    Raises:
        ValueError: if the view or one of its columns has no comment.
    """
    lines = sql.splitlines()
    last = max(number for number, line in enumerate(lines) if line.rstrip() == "select")
    comment = " ".join(_leading_comments(lines))
    columns = dict(_commented_columns(lines[last + 1 :]))
    bare = [column for column, said in columns.items() if not said]
    if not comment or bare:
        raise ValueError(f"{name}.sql: no comment for {', '.join(bare) or 'the view'}")
    return View(name, sql, comment, columns)


def view_statements(
    *, dialect: str, dataset: str, stats_reading: Mapping[str, StatsReading] | None = None
) -> list[ViewStatements]:
    """The statements that make the views in `dataset`, in the order to run them in.

    Args:
        dialect: The destination's, by sqlglot's name.
        dataset: The schema that holds the tables and gets the views.
        stats_reading: Pins how the counters of a channel are read; by default its rows tell.

    Raises:
        ConfigurationError: if a channel or a reading does not exist.
    """
    pinned = stats_reading or {}
    check_readings(pinned)
    return list(_statements(dialect, dataset, tuple(sorted(pinned.items()))))


@cache
def _statements(
    dialect: str, dataset: str, pinned: tuple[tuple[str, StatsReading], ...]
) -> tuple[ViewStatements, ...]:
    return tuple(
        ViewStatements(
            name=view.name,
            create=_create(view, dialect=dialect, dataset=dataset, pinned=dict(pinned)),
            comments=_comments(view, dialect=dialect, dataset=dataset),
        )
        for view in read_views()
    )


def create_views(
    pipeline: dlt.Pipeline, *, stats_reading: Mapping[str, StatsReading] | None = None
) -> list[str]:
    """Make, or make again, all views in the pipeline's dataset; return their names.

    The tables must be there, which they are after the first load.
    """
    with pipeline.sql_client() as client:
        dialect = client.capabilities.sqlglot_dialect or "duckdb"
        statements = view_statements(
            dialect=dialect, dataset=client.dataset_name, stats_reading=stats_reading
        )
        for view in statements:
            client.execute_many([view.create, *view.comments])
    return [view.name for view in statements]


def _sql_files() -> list[Path]:
    """The files in an installed package, or in a checkout, where `sql` lies beside the package."""
    package = Path(str(files("comms_source")))
    folders = (package / "sql", package.parent / "sql")
    found = [path for folder in folders for path in sorted(folder.glob("*.sql"))]
    if not found:
        raise FileNotFoundError(f"no views in {folders[0]}; install comms-source again")
    return found


def _leading_comments(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        match = _COMMENT.fullmatch(line)
        if not match:
            return
        yield match["comment"]


def _commented_columns(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    above = ""
    for line in lines:
        if line.startswith("from "):
            return
        comment, column = _COMMENT.fullmatch(line), _COLUMN.fullmatch(line)
        if comment:
            above = comment["comment"]
        elif column:
            yield column["name"], column["comment"] or above
            above = ""


@cache
def _parsed(sql: str) -> Any:
    from sqlglot import parse_one  # noqa: PLC0415 - slow to import, and seldom needed

    return parse_one(sql, read="duckdb")


@cache
def _tables(sql: str) -> set[str]:
    from sqlglot import exp  # noqa: PLC0415

    tree = _parsed(sql)
    names = {table.name for table in tree.find_all(exp.Table)}
    return names - {cte.alias for cte in tree.find_all(exp.CTE)}


def _create(view: View, *, dialect: str, dataset: str, pinned: Mapping[str, StatsReading]) -> str:
    from sqlglot import exp  # noqa: PLC0415

    query = _parsed(view.sql).copy()
    outside = _tables(view.sql)
    for table in query.find_all(exp.Table):
        if table.name in outside:
            table.set("db", exp.to_identifier(dataset, quoted=_quotes(dialect)))
    _pin(query, pinned)
    create = exp.Create(
        this=exp.table_(view.name, db=dataset, quoted=_quotes(dialect)),
        kind="VIEW",
        replace=True,
        expression=query,
    )
    return create.sql(dialect=dialect, comments=False)


def _pin(query: Any, pinned: Mapping[str, StatsReading]) -> None:
    """Put the pinned readings in the place of the NULLs that the file has for them."""
    from sqlglot import exp  # noqa: PLC0415

    for cte in query.find_all(exp.CTE):
        if cte.alias == "pinned_readings":
            for select in cte.this.find_all(exp.Select):
                channel, reading = select.expressions
                value = pinned.get(channel.this.this)
                if value:
                    reading.this.set("this", exp.Literal.string(value))


def _comments(view: View, *, dialect: str, dataset: str) -> list[str]:
    if dialect not in COMMENTING:
        return []
    mark = '"' if _quotes(dialect) else ""
    place = f"{mark}{dataset}{mark}.{mark}{view.name}{mark}"
    on_columns = [
        f"comment on column {place}.{mark}{column}{mark} is {_quoted(comment)}"
        for column, comment in view.columns.items()
    ]
    return [f"comment on view {place} is {_quoted(view.comment)}", *on_columns]


def _quotes(dialect: str) -> bool:
    """Whether names are quoted; Snowflake's are not, since there dlt's are in upper case."""
    return dialect != "snowflake"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def check_readings(readings: Mapping[str, StatsReading]) -> None:
    """Refuse a pinned reading that does not exist, or of a channel that does not.

    Raises:
        ConfigurationError: if there is one; it says what is expected.
    """
    for channel, reading in readings.items():
        if channel not in CHANNELS or reading not in get_args(StatsReading):
            raise ConfigurationError(
                f"stats_reading: {channel} = {reading!r}; expected a channel of "
                f"{', '.join(CHANNELS)} with {' or '.join(get_args(StatsReading))}"
            )
