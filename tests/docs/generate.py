"""Writes the generated pages of the documentation.

    python -m tests.docs.generate

`docs/commands.md` ends with the help of each command, and `docs/columns.md` with the comment of
each column. What is above the line `GENERATED` in a page is written by hand and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import typer

from comms_source.cli.app import app
from comms_source.tables.registry import all_tables
from comms_source.tables.specs import TableSpec
from comms_source.views.files import View, public_views, read_views, tables_of

DOCS: Final = Path(__file__).parents[2] / "docs"
GENERATED: Final = "<!-- Written by `make pages`; do not edit below this line. -->\n"
_NO_PLACEHOLDER: Final = {None, "", "BOOLEAN"}
_TYPES: Final[Mapping[pa.DataType, str]] = {
    pa.string(): "text",
    pa.int64(): "integer",
    pa.float64(): "number",
    pa.bool_(): "true or false",
    pa.timestamp("us", tz="UTC"): "time",
}


def main() -> None:
    """Write both pages."""
    for name, content in pages().items():
        page = DOCS / name
        written = page.read_text(encoding="utf-8").split(GENERATED)[0]
        page.write_text(f"{written}{GENERATED}\n{content}", encoding="utf-8")


def pages() -> dict[str, str]:
    """The generated part of each page, by the page's name."""
    return {"commands.md": _joined(_commands()), "columns.md": _joined(_columns())}


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


def _commands() -> Iterator[str]:
    """The options of all commands, then each command."""
    group: Any = typer.main.get_command(app)
    yield "## Options before the command"
    yield "Usage: `comms [OPTIONS] COMMAND [ARGS]...`"
    yield _options(group.params)
    for name, command in group.commands.items():
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        usage = " ".join(command.collect_usage_pieces(command.context_class(command)))
        yield f"## comms {name}"
        yield f"Usage: `comms {name} {usage}`"
        yield from (" ".join(paragraph.split()) for paragraph in command.help.split("\n\n"))
        for argument in arguments:
            yield f"`{argument.metavar}`: {argument.help}"
        yield _options(each for each in command.params if each.param_type_name == "option")


def _options(options: Iterable[Any]) -> str:
    """A table of options: their names, defaults and help texts."""
    lines = ["| option | default | |", "| --- | --- | --- |"]
    lines += [
        f"| {_names(each)} | {_default(each)} | {_cell(each.help)}{_notes(each)} |"
        for each in options
        if not each.hidden
    ]
    return "\n".join(lines)


def _names(option: Any) -> str:
    """Its names, and the placeholder of its value if it has one."""
    names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len, reverse=True))
    has_value = not option.is_flag and option.metavar not in _NO_PLACEHOLDER
    return f"{names} {option.metavar}" if has_value else names


def _default(option: Any) -> str:
    """The default as the help shows it; empty if there is none, or for a switch."""
    if isinstance(option.show_default, str):
        return option.show_default
    shown = option.default is not None and option.show_default and not option.is_flag
    return f"`{option.default}`" if shown else ""


def _notes(option: Any) -> str:
    """What the help shows in brackets behind the text."""
    required = " Required." if option.required else ""
    return f"{required} Also `{option.envvar}`." if option.envvar else required


def _columns() -> Iterator[str]:
    """Each table, then each view."""
    yield "## Tables"
    for spec in all_tables(details=True):
        yield f"### {spec.name}"
        yield _sentence(spec.description)
        rows = [(name, _type(spec, name), spec.described(name)) for name in spec.column_names]
        yield _table(("column", "type", "meaning"), rows)
    yield "## Views"
    for view in sorted(public_views(details=True), key=lambda each: each.name):
        yield f"### {view.name}"
        yield f"{_sentence(view.comment)} It reads {_reads(view)}."
        yield _table(("column", "meaning"), view.columns.items())
    yield "## Internal views"
    yield "Steps on the way to the views above. They may change."
    public = {view.name for view in public_views(details=True)}
    steps = [view for view in read_views(details=True) if view.name not in public]
    yield _table(("view", "it is", "reads"), [(v.name, v.comment, _reads(v)) for v in steps])


def _reads(view: View) -> str:
    """The tables and views that a view reads, by name."""
    return ", ".join(f"`{name}`" for name in sorted(tables_of(view.sql))) or "no table"


def _type(spec: TableSpec, column: str) -> str:
    """The kind of value; the times that dlt adds to a history have no field."""
    return _TYPES[spec.schema.field(column).type] if column in spec.schema.names else "time"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table whose first cells are names."""
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
    lines += [f"| `{name}` | {' | '.join(map(_cell, rest))} |" for name, *rest in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """On one line, with links to other pages."""
    return " ".join(_linked(text).replace("|", "\\|").split())


def _sentence(text: str) -> str:
    """With a capital letter and an end."""
    return _linked(f"{text[0].upper()}{text[1:].removesuffix('.')}.")


def _linked(text: str) -> str:
    """The names of other pages as links."""
    return re.sub(r"docs/(\w+)\.md", r"[docs/\1.md](\1.md)", text)


if __name__ == "__main__":
    main()
