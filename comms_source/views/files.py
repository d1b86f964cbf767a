"""The files of the SQL views: where they are, what they contain, and their order.

One file is one view with the file's name, in DuckDB's dialect, in one of the folders of `sql`. The
first comment of a file describes the view. The columns are those of the last `select`. A column is
described by a comment beside it, or once for all views in `sql/columns.toml`. A name such as
`$time_zone` stands for a setting, and a call such as `share(...)` for a macro of `sql/macros.sql`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from comms_source.views.macros import (
    CHANNEL_LIST,
    EACH_CHANNEL,
    channel_tables,
    expand_macros,
    parse_macros,
    relation_of,
)

_COLUMN: Final = re.compile(
    r"(?:.*\bas\s+| {4}(?:[a-z_]+\.)?)(?!case\b)(?P<name>[a-z_][a-z_0-9]*),?\s*"
)
"""The last line of a column: it ends with the alias, or it is the name alone."""
_COMMENT: Final = re.compile(r"\s*--\s*(?P<comment>.+)")
_INTERNAL: Final = ("stg_", "int_")


@dataclass(frozen=True, slots=True)
class View:
    """One view, as defined in its file."""

    name: str
    layer: str
    """The folder of its file: staging, intermediate, marts or monitoring."""
    sql: str
    """The query, in DuckDB's dialect, with unqualified table names."""
    comment: str
    columns: Mapping[str, str]
    """The comment of each column, in the view's order; may be empty in an internal view."""


@cache
def read_views() -> tuple[View, ...]:
    """The views of this project, each one after the views that it reads."""
    paths = {path.stem: path for path in sql_files()}
    texts = {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
    needs = {name: sorted(tables_of(sql) & texts.keys()) for name, sql in sorted(texts.items())}
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise ValueError(f"views that read each other: {error.args[1]}") from None
    views: dict[str, View] = {}
    for name in order:
        views[name] = parse_view(name, texts[name], layer=paths[name].parent.name, known=views)
    return tuple(views.values())


def public_views() -> tuple[View, ...]:
    """The views for queries; the others are internal steps."""
    return tuple(view for view in read_views() if not view.name.startswith(_INTERNAL))


def parse_view(
    name: str, sql: str, *, layer: str = "marts", known: Mapping[str, View] | None = None
) -> View:
    """Parse a view's file.

    Args:
        name: The view's name.
        sql: The text of its file.
        layer: The folder of its file.
        known: The views that it may read, by name.

    Raises:
        ValueError: if the view, or a column of a public view, has no comment.
    """
    lines = sql.splitlines()
    last = max(number for number, line in enumerate(lines) if line.rstrip() == "select")
    comment = " ".join(_leading_comments(lines))
    own_comments = dict(_commented_columns(lines[last + 1 :]))
    columns = {
        column: own_comments.get(column) or column_comments().get(column, "")
        for column in _columns_of(parsed(sql), known or {})
    }
    missing = [column for column, description in columns.items() if not description]
    if not comment or (missing and not name.startswith(_INTERNAL)):
        raise ValueError(f"{name}.sql: no comment for {', '.join(missing) or 'the view'}")
    return View(name, layer, sql, comment, columns)


def sql_folder() -> Path:
    """The folder `sql`: inside the installed package, or beside it in a checkout."""
    package = Path(str(files("comms_source")))
    for folder in (package / "sql", package.parent / "sql"):
        if (folder / "macros.sql").exists():
            return folder
    raise FileNotFoundError(f"no views in {package / 'sql'}; reinstall comms-source")


def sql_files() -> list[Path]:
    """The files of the views, sorted by name."""
    return sorted(sql_folder().glob("*/*.sql"), key=lambda path: path.stem)


def source_files() -> list[Path]:
    """All files that define the views."""
    return [*sql_files(), sql_folder() / "macros.sql", sql_folder() / "columns.toml"]


@cache
def column_comments() -> Mapping[str, str]:
    """What a column means in every view without its own comment on it."""
    comments = tomllib.loads((sql_folder() / "columns.toml").read_text(encoding="utf-8"))
    return {name: str(comment) for name, comment in comments.items()}


@cache
def _macros() -> Mapping[str, tuple[tuple[str, ...], Any]]:
    return parse_macros((sql_folder() / "macros.sql").read_text(encoding="utf-8"))


@cache
def parsed(sql: str) -> Any:
    """The query as sqlglot's tree, with its macros expanded; do not modify it."""
    from sqlglot import parse_one  # noqa: PLC0415 - slow to import, and seldom needed

    return expand_macros(parse_one(sql, read="duckdb"), _macros())


@cache
def tables_of(sql: str) -> frozenset[str]:
    """The tables and views that a query reads."""
    from sqlglot import exp  # noqa: PLC0415

    tree = parsed(sql)
    names = {relation_of(table) for table in tree.find_all(exp.Table)}
    if EACH_CHANNEL in names:
        names |= channel_tables()
    local = {EACH_CHANNEL, CHANNEL_LIST} | {cte.alias for cte in tree.find_all(exp.CTE)}
    return frozenset(names - local)


def _columns_of(query: Any, known: Mapping[str, View], scope: Mapping[str, Any] = {}) -> list[str]:
    """The names of a query's columns, with stars expanded."""
    from sqlglot import exp  # noqa: PLC0415

    scope = {**scope, **{cte.alias: cte.this for cte in query.ctes}}
    select = query
    while isinstance(select, exp.SetOperation):
        select = select.this
    names: list[str] = []
    sources = [source.this for source in select.find_all(exp.From, exp.Join)]
    for column in select.expressions:
        if not column.is_star:
            names.append(column.alias_or_name)
            continue
        table = column.args.get("table")
        source = next(
            each
            for each in sources
            if table is None or table.name in {each.name, each.alias_or_name}
        )
        inner = scope.get(source.name)
        if inner is not None:
            names += _columns_of(inner, known, scope)
        elif source.name in known:
            names += known[source.name].columns
    return names


def _leading_comments(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        match = _COMMENT.fullmatch(line)
        if not match:
            return
        yield match["comment"]


def _commented_columns(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    """The columns of a `select` with a comment: after their last line, or on the lines above."""
    comments: list[str] = []
    depth = 0
    for line in lines:
        if line.startswith("from "):
            return
        code, _, comment = line.partition("--")
        comments += [comment.strip()] if comment else []
        depth += code.count("(") - code.count(")")
        column = _COLUMN.fullmatch(code)
        if column and depth == 0:
            yield column["name"], " ".join(comments)
            comments = []
