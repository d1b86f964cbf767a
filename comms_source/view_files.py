"""The files of the SQL views: where they are, what they say, in which order they go.

One file is one view of the file's name, in DuckDB's dialect. The first comment of a file describes
the view; the last `select` lists bare columns, each with its comment behind it or on the line
above. A name such as `$time_zone` stands for what a setting says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

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


@cache
def read_views() -> tuple[View, ...]:
    """The views of this project, each after those that it reads."""
    views = {
        path.stem: parse_view(path.stem, path.read_text(encoding="utf-8")) for path in sql_files()
    }
    needs = {name: tables_of(view.sql) & views.keys() for name, view in sorted(views.items())}
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


def sql_files() -> list[Path]:
    """The files in an installed package, or in a checkout, where `sql` lies beside the package."""
    package = Path(str(files("comms_source")))
    folders = (package / "sql", package.parent / "sql")
    found = [path for folder in folders for path in sorted(folder.glob("*.sql"))]
    if not found:
        raise FileNotFoundError(f"no views in {folders[0]}; install comms-source again")
    return found


@cache
def parsed(sql: str) -> Any:
    """The query as sqlglot's tree; not to be changed."""
    from sqlglot import parse_one  # noqa: PLC0415 - slow to import, and seldom needed

    return parse_one(sql, read="duckdb")


@cache
def tables_of(sql: str) -> set[str]:
    """The tables and views that a query reads."""
    from sqlglot import exp  # noqa: PLC0415

    tree = parsed(sql)
    names = {table.name for table in tree.find_all(exp.Table)}
    return names - {cte.alias for cte in tree.find_all(exp.CTE)}


def _leading_comments(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        match = _COMMENT.fullmatch(line)
        if not match:
            return
        yield match["comment"]


def _commented_columns(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    above: list[str] = []
    for line in lines:
        if line.startswith("from "):
            return
        comment, column = _COMMENT.fullmatch(line), _COLUMN.fullmatch(line)
        if comment:
            above.append(comment["comment"])
        elif column:
            yield column["name"], column["comment"] or " ".join(above)
            above = []
