"""The documentation is correct: every command, setting, table and column is in it, and exists."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path
from signal import SIGINT, SIGTERM

import pytest
import typer

import comms_source as comms_source_package
from comms_source.channels import CHANNELS
from comms_source.cli.app import app
from comms_source.errors import COMPLETE, FAILED, INCOMPLETE, REFUSED
from comms_source.source import comms_source
from comms_source.tables.bookkeeping import BOOKKEEPING, LABELS
from comms_source.tables.detail_tables import DETAIL_TABLES
from comms_source.tables.operations import REJECTED, operations_table
from comms_source.views.files import public_views
from tests.docs.pages import anchors

ROOT = Path(__file__).parents[2]
WORDS = 800
"""The maximum number of words in the README."""

OUTSIDE = {
    *("accounts", "max_load_wait", "max_lock_wait", "table_format"),
    *("counter_mode", "time_zone", "stuck_after", "alert_points", "alert_volume", "alert_days"),
}
"""Settings that are no arguments of the source."""
DLTS = {"destination_type", "dataset_name"}
"""Settings of dlt's that the same section of the page names."""


def options_of(command: str) -> set[str]:
    """The options of a command."""
    group = typer.main.get_command(app)
    parameters = group.commands[command].params  # type: ignore[attr-defined]
    return {option for parameter in parameters for option in parameter.opts}


def page(name: str) -> str:
    """The text of a page of the documentation."""
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def table_rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the tables in a section of a page; without a heading, those before the first."""
    section = text.split(f"\n## {heading}\n")[1] if heading else text
    lines = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_readme_is_short() -> None:
    """What does not fit has a page in docs."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= WORDS


def test_every_command_is_documented_with_its_options() -> None:
    """And no other command."""
    rows = [row for row in table_rows(page("commands"), "") if row[0].startswith("`comms ")]
    named = {row[0].strip("`").split()[1]: set(re.findall(r"--[a-z-]+", row[1])) for row in rows}

    assert named.keys() == typer.main.get_command(app).commands.keys()  # type: ignore[attr-defined]
    for command, options in named.items():
        assert options <= options_of(command)


def test_every_setting_is_documented_and_in_config_toml() -> None:
    """By its name, and no other; except those of a single run."""
    single_run = {"start_date", "end_date", "on_error"}
    settings = set(inspect.signature(comms_source).parameters) - single_run
    settings |= OUTSIDE
    config = (ROOT / ".dlt/config.toml").read_text()

    rows = [row for row in table_rows(page("configuration"), "Settings") if row[0][0] == "`"]
    named = {row[0].strip("`") for row in rows}
    assert named == settings | DLTS
    for setting in settings - {"credentials", "pii_key"}:
        assert re.search(rf"^# {setting} = ", config, flags=re.MULTILINE), setting


def test_config_toml_shows_the_defaults() -> None:
    """Each commented line is the default, so that uncommenting it changes nothing."""
    text = (ROOT / ".dlt/config.toml").read_text()
    section = text.split("[sources.comms_source]")[1].split("[runtime]")[0]
    shown = tomllib.loads(re.sub(r"^# (?=[a-z_]+ = )", "", section, flags=re.MULTILINE))
    defaults = inspect.signature(comms_source).parameters

    for name, value in shown.items():
        if name in OUTSIDE | {"requests_per_second"}:
            continue
        default = defaults[name].default
        assert value == (list(default) if isinstance(default, tuple) else default), name


def test_every_table_and_view_is_documented() -> None:
    """And no other."""
    sections = ("Tables", "Views")
    cells = [row[0] for heading in sections for row in table_rows(page("data-model"), heading)]
    named = {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}
    tables = {channel.table for channel in CHANNELS.values()} | {kind.name for kind in BOOKKEEPING}
    tables |= {channel.history_table for channel in CHANNELS.values()}
    tables |= {spec.name for spec in DETAIL_TABLES}

    assert named == tables | {view.name for view in public_views(details=True)}


def test_every_exit_code_is_documented() -> None:
    """And no other."""
    rows = table_rows(page("configuration"), "Exit codes")
    codes = {int(code) for row in rows for code in re.findall(r"\d+", row[0])}

    assert codes == {COMPLETE, FAILED, REFUSED, INCOMPLETE, 128 + SIGINT, 128 + SIGTERM}


def test_every_column_of_the_records_is_documented() -> None:
    """Table by table, in the page on coverage, in the order of the table, and no other."""
    tables = page("coverage").split("## Tables")[1]
    for kind in BOOKKEEPING:
        if kind is REJECTED:
            continue
        paragraph = re.sub(r"\([^)]*\)", "", tables.split(f"\n`{kind.name}`:")[1].split("\n\n")[0])
        named = re.findall(r"`([a-z_]+)`", paragraph)
        stamp = [] if kind is LABELS else ["_dlt_load_id"]
        assert [*named, *stamp] == kind.schema.names


def test_every_column_of_details_is_documented() -> None:
    """Table by table, in the page on details, in the order of the table, and no other."""
    tables = page("details").split("## Tables")[1]
    for spec in DETAIL_TABLES:
        if spec.name in {"emails", "push_notifications"}:
            continue
        paragraph = re.sub(r"\([^)]*\)", "", tables.split(f"`{spec.name}`")[1].split("\n\n")[0])
        named = re.findall(r"`([a-z_]+)`", paragraph.split(":", 1)[1])
        assert [*named, "_dlt_load_id"] == spec.schema.names


def test_every_column_of_the_channels_is_documented() -> None:
    """And of the rejected rows."""
    text = page("data-model").split("## The channels' tables")[1].split("## What was read")[0]
    named = set(re.findall(r"`([a-z_]+)`", text))
    columns = {
        name for channel in CHANNELS.values() for name in operations_table(channel).schema.names
    }

    assert columns | set(REJECTED.schema.names) <= named


def test_every_public_function_is_documented() -> None:
    """In the table of the page on Python, and no other."""
    rows = table_rows(page("python"), "What the commands do")
    named = {name for row in rows[1:] for name in re.findall(r"`([a-z_]+)`", row[0])}
    functions = {name for name in comms_source_package.__all__ if name.islower()}

    assert named == functions - {"comms_source", "__version__"}


@pytest.mark.parametrize("table", ["message_operations", "gaps", "daily_delivery", "error_codes"])
def test_the_dictionary_has_tables_and_views(table: str) -> None:
    """With an anchor, to link to."""
    assert table in anchors("docs/columns.md")
