"""The files of the SQL views: where they are, what they contain, and their order.

One file is one view with the file's name, in DuckDB's dialect, in one of the folders of `sql`. The
first comment of a file describes the view. The columns are those of the last `select`. A column is
described by a comment beside it, or once for all views in `sql/columns.toml`. A name such as
`$time_zone` stands for a setting, and a call such as `share(...)` for a macro of `sql/macros.sql`.

A view of details reads a table of details, directly or through another view. It exists only where
all tables of details do. In a dataset without them it is left out, as if it had no file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from sqlglot import exp, parse_one

from comms_source.tables.detail_tables import DETAILS, ERRORS, TAGS
from comms_source.views.macros import (
    EACH_ATTEMPT,
    EACH_RESOURCE,
    RELATIONS,
    Macros,
    expand_macros,
    parse_macros,
    tables_behind,
)

_COLUMN: Final = re.compile(
    r"(?:.*\bas\s+| {4}(?:[a-z_]+\.)?)(?!case\b)(?P<name>[a-z_][a-z_0-9]*),?\s*"
)
"""The last line of a column: it ends with the alias, or it is the name alone."""
_INTERNAL: Final = ("stg_", "int_")
_WORD: Final = re.compile(r"\w+")
_REMARK: Final = re.compile(r"--.*")


@dataclass(frozen=True, slots=True)
class View:
    """One view, as defined in its file."""

    name: str
    sql: str
    """The query, in DuckDB's dialect, with unqualified table names."""
    comment: str
    columns: Mapping[str, str]
    """The comment of each column, in the view's order; may be empty in an internal view."""


@cache
def read_views(*, details: bool = False) -> tuple[View, ...]:
    """The views of this project, each one after the views that it reads.

    Args:
        details: Whether there are tables of details; without them, the views of details are left
            out. Their files are not parsed then: parsing is the slowest step.
    """
    names = view_names(details=details)
    texts = {
        path.stem: path.read_text(encoding="utf-8") for path in sql_files() if path.stem in names
    }
    needs = {name: sorted(tables_of(sql) & texts.keys()) for name, sql in texts.items()}
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise ValueError(f"views that read each other: {error.args[1]}") from None
    views: list[View] = []
    for name in order:
        known = {view.name: view.columns for view in views}
        views.append(parse_view(name, texts[name], known=known))
    return tuple(views)


def public_views(*, details: bool = False) -> tuple[View, ...]:
    """The views for queries; the others are internal steps."""
    views = read_views(details=details)
    return tuple(view for view in views if not view.name.startswith(_INTERNAL))


def view_names(*, details: bool = False) -> frozenset[str]:
    """The names of `read_views`. No file is parsed, which takes longer than all else."""
    names = frozenset(path.stem for path in sql_files())
    return names if details else names - detail_view_names()


@cache
def detail_view_names() -> frozenset[str]:
    """The views of details: those that read a table of details, or another view of details."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sql_files()}
    words = {name: set(_WORD.findall(_REMARK.sub("", text))) for name, text in texts.items()}
    found = {TAGS.name, ERRORS.name, DETAILS.name, EACH_RESOURCE, EACH_ATTEMPT}
    while new := {name for name, used in words.items() if used & found} - found:
        found |= new
    return frozenset(found & texts.keys())


def parse_view(name: str, sql: str, *, known: Mapping[str, Iterable[str]] = {}) -> View:
    """Parse a view's file.

    Args:
        name: The view's name.
        sql: The text of its file.
        known: The columns of the views that it may read, by view.

    Raises:
        ValueError: if the view, or a column of a public view, has no comment.
    """
    lines = sql.splitlines()
    last = max(number for number, line in enumerate(lines) if line.rstrip() == "select")
    first = takewhile(lambda line: line.startswith("--"), lines)
    comment = " ".join(line.removeprefix("--").strip() for line in first)
    own_comments = dict(_commented_columns(lines[last + 1 :]))
    columns = {
        column: own_comments.get(column) or column_comments().get(column, "")
        for column in _columns_of(parsed(sql), known)
    }
    missing = [column for column, description in columns.items() if not description]
    if not comment or (missing and not name.startswith(_INTERNAL)):
        raise ValueError(f"{name}.sql: no comment for {', '.join(missing) or 'the view'}")
    return View(name, sql, comment, columns)


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
    others = ("macros.sql", "columns.toml", "error_causes.toml")
    return [*sql_files(), *(sql_folder() / name for name in others)]


@cache
def column_comments() -> Mapping[str, str]:
    """What a column means in every view without its own comment on it."""
    return tomllib.loads((sql_folder() / "columns.toml").read_text(encoding="utf-8"))


@cache
def error_causes() -> Mapping[str, str]:
    """What each known error code means, in a sentence, by the code as text."""
    return tomllib.loads((sql_folder() / "error_causes.toml").read_text(encoding="utf-8"))


@cache
def _macros() -> Macros:
    return parse_macros((sql_folder() / "macros.sql").read_text(encoding="utf-8"))


@cache
def parsed(sql: str) -> Any:
    """The query as sqlglot's tree, with its macros expanded; do not modify it."""
    return expand_macros(parse_one(sql, read="duckdb"), _macros())


@cache
def tables_of(sql: str) -> frozenset[str]:
    """The tables and views that a query reads."""
    tree = parsed(sql)
    names = {table.this.name for table in tree.find_all(exp.Table)}
    local = RELATIONS | {cte.alias for cte in tree.find_all(exp.CTE)}
    return frozenset((names | tables_behind(names & RELATIONS)) - local)


def _columns_of(query: Any, known: Mapping[str, Iterable[str]]) -> list[str]:
    """The names of a query's columns, with stars expanded by the `known` columns of relations."""
    known = dict(known)
    for cte in query.ctes:
        known[cte.alias] = _columns_of(cte.this, known)
    while isinstance(query, exp.SetOperation):
        query = query.this
    sources = [source.this for source in query.find_all(exp.From, exp.Join)]
    names: list[str] = []
    for column in query.expressions:
        if column.is_star:
            table = column.text("table")
            source = next(each for each in sources if table in {"", each.name, each.alias_or_name})
            names += known.get(source.name, ())
        else:
            names.append(column.alias_or_name)
    return names


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
