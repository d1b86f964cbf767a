"""The documentation is correct: every command, setting, table and column in it exists."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path

import duckdb
import pytest
import typer

from comms_source.channels import CHANNELS
from comms_source.cli.app import app
from comms_source.sandbox import Sandbox
from comms_source.source import comms_source
from comms_source.tables.bookkeeping import BOOKKEEPING, LABELS
from comms_source.tables.detail_tables import DETAIL_TABLES
from comms_source.tables.operations import REJECTED, operations_table
from comms_source.views.files import public_views
from tests.support import FILE, load

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")]

OUTSIDE = {
    *("accounts", "max_load_wait", "max_lock_wait", "table_format"),
    *("counter_mode", "time_zone", "stuck_after", "alert_points", "alert_volume", "alert_days"),
}
"""Settings that are no arguments of the source."""


def options_of(command: str) -> set[str]:
    """The options of a command."""
    group = typer.main.get_command(app)
    parameters = group.commands[command].params  # type: ignore[attr-defined]
    return {option for parameter in parameters for option in parameter.opts}


def table_rows(heading: str) -> list[list[str]]:
    """The cells of the README's tables in a section."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_command_is_in_the_readme_with_its_options() -> None:
    """And no other command."""
    rows = [row for row in table_rows("Use it") if row[0].startswith("`comms ")]
    named = {row[0].strip("`").split()[1]: set(re.findall(r"--[a-z-]+", row[1])) for row in rows}

    assert named.keys() == typer.main.get_command(app).commands.keys()  # type: ignore[attr-defined]
    for command, options in named.items():
        assert options <= options_of(command)


def test_the_commands_of_the_makefile_are_those_of_the_readme() -> None:
    """`make run`, `make test` and the others exist as targets."""
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)

    assert set(re.findall(r"(?:`|^)make ([a-z]+)", README, flags=re.MULTILINE)) <= set(targets)


def test_every_setting_is_in_the_readme_and_in_config_toml() -> None:
    """By its name, and no other; except those of a single run."""
    single_run = {"start_date", "end_date", "on_error"}
    settings = set(inspect.signature(comms_source).parameters) - single_run
    settings |= OUTSIDE
    config = (ROOT / ".dlt/config.toml").read_text()

    named = {row[0].strip("`") for row in table_rows("Settings") if row[0].startswith("`")}
    assert named == settings
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


def test_every_table_and_view_is_in_the_readme() -> None:
    """And no other."""
    cells = [row[0] for row in table_rows("Tables, and the questions they answer")]
    named = {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}
    tables = {channel.table for channel in CHANNELS.values()} | {kind.name for kind in BOOKKEEPING}
    tables |= {channel.history_table for channel in CHANNELS.values()}
    tables |= {spec.name for spec in DETAIL_TABLES}

    assert named == tables | {view.name for view in public_views(details=True)}


def test_every_column_of_the_records_is_documented() -> None:
    """Table by table, in the page on coverage, in the order of the table, and no other."""
    page = (ROOT / "docs/coverage.md").read_text().split("## Tables")[1]
    for kind in BOOKKEEPING:
        if kind is REJECTED:
            continue
        paragraph = re.sub(r"\([^)]*\)", "", page.split(f"\n`{kind.name}`:")[1].split("\n\n")[0])
        named = re.findall(r"`([a-z_]+)`", paragraph)
        stamp = [] if kind is LABELS else ["_dlt_load_id"]
        assert [*named, *stamp] == kind.schema.names


def test_every_column_of_details_is_documented() -> None:
    """Table by table, in the page on details, in the order of the table, and no other."""
    page = (ROOT / "docs/details.md").read_text().split("## Tables")[1]
    for spec in DETAIL_TABLES:
        if spec.name in {"emails", "push_notifications"}:
            continue
        paragraph = re.sub(r"\([^)]*\)", "", page.split(f"`{spec.name}`")[1].split("\n\n")[0])
        named = re.findall(r"`([a-z_]+)`", paragraph.split(":", 1)[1])
        assert [*named, "_dlt_load_id"] == spec.schema.names


def test_the_queries_of_the_readme_run(sandbox: Sandbox) -> None:
    """Unchanged, after a load."""
    load(sandbox)
    queries = re.findall(r"```sql\n(.+?)```", README, flags=re.DOTALL)

    assert queries
    with duckdb.connect(FILE, read_only=True) as connection:
        for query in ";".join(queries).split(";"):
            connection.execute(query)


def test_every_column_is_in_the_readme() -> None:
    """Of the channels' tables and of the rejected rows."""
    named = set(re.findall(r"`([a-z_]+)`", README.split("## Tables")[1].split("## Settings")[0]))
    columns = {
        name for channel in CHANNELS.values() for name in operations_table(channel).schema.names
    }

    assert columns | set(REJECTED.schema.names) <= named


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md", *sorted(PAGES)])
def test_every_link_to_a_file_works(page: str) -> None:
    """Relative links only; web addresses are not tested."""
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (ROOT / page).parent.joinpath(target).exists(), target
