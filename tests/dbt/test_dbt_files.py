"""The files of the dbt package are those that are generated, and its words are the project's."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

from comms_source.tables.registry import all_tables
from comms_source.views.dbt.__main__ import generated_files, main
from comms_source.views.dbt.checks import VIEW_KEYS
from comms_source.views.dbt.model_sql import model_sql
from comms_source.views.files import View, public_views
from comms_source.views.settings import ViewSettings

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "dbt"
WRITTEN_BY_HAND: Final = {"models/docs.md", "models/exposures.yml"}


def test_the_committed_files_are_those_that_are_generated() -> None:
    """No file is missing or left over. SQL is compared if sqlglot has the pinned version."""
    pinned = re.search(r"^sqlglot==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    is_pinned = pinned is not None and version("sqlglot") == pinned[1]
    made = generated_files()
    paths = [*PACKAGE.glob("models/**/*.*"), PACKAGE / "macros/channels.sql"]
    found = {path.relative_to(PACKAGE).as_posix(): path for path in paths}

    assert found.keys() - WRITTEN_BY_HAND == made.keys()
    for name, text in made.items():
        if is_pinned or not name.endswith(".sql"):
            assert found[name].read_text(encoding="utf-8") == text, (
                "python -m comms_source.views.dbt"
            )


def test_files_of_views_that_are_gone_are_removed(tmp_path: Path) -> None:
    """And files that are not generated are kept."""
    (tmp_path / "models" / "marts").mkdir(parents=True)
    for name in ("models/marts/gone.sql", "models/docs.md"):
        (tmp_path / name).touch()

    main(tmp_path)

    assert not (tmp_path / "models/marts/gone.sql").exists()
    assert (tmp_path / "models/docs.md").exists()
    assert (tmp_path / "models/tables.yml").read_text() == (
        PACKAGE / "models/tables.yml"
    ).read_text()


@cache
def sources() -> dict[str, dict[str, Any]]:
    """The sources of the package by their names, with the tables of all files."""
    found: dict[str, dict[str, Any]] = {}
    for path in PACKAGE.glob("models/**/*.yml"):
        for source in yaml.load(path.read_text(), Loader=yaml.CSafeLoader).get("sources", ()):
            tables = {table["name"]: table for table in source["tables"]}
            found.setdefault(source["name"], {}).update(tables)
    return found


def test_every_table_and_view_is_a_source_with_all_its_columns() -> None:
    """In the same order, each with a description."""
    tables = {spec.name: spec.column_names for spec in all_tables(details=True)}
    views = {view.name: list(view.columns) for view in public_views(details=True)}

    for name, expected in (("comms", tables), ("comms_views", views)):
        found = sources()[name]
        assert {
            key: [c["name"] for c in each["columns"]] for key, each in found.items()
        } == expected
        assert all(each["description"] for each in found.values())
        assert all(column["description"] for each in found.values() for column in each["columns"])


def test_every_key_of_a_table_is_tested() -> None:
    """By itself, or together with the other columns of the key."""
    for spec in all_tables(details=True):
        tests = sources()["comms"][spec.name]["data_tests"]
        arguments = [test.get("unique", test.get("comms_unique_key")) for test in tests]
        keys = [each["arguments"] for each in arguments if each]
        expected = {"columns": [*spec.key]} if len(spec.key) > 1 else {"column_name": spec.key[0]}
        assert keys == [expected], spec.name


def test_the_keys_of_views_are_columns() -> None:
    """Of views that exist."""
    views = {view.name: set(view.columns) for view in public_views(details=True)}

    assert VIEW_KEYS.keys() <= views.keys()
    assert all(set(key) <= views[name] for name, key in VIEW_KEYS.items())


def test_the_settings_of_the_models_have_the_defaults_of_the_views() -> None:
    """So that both return the same."""
    variables = yaml.safe_load((PACKAGE / "dbt_project.yml").read_text())["vars"]
    defaults = ViewSettings()

    assert variables["comms_time_zone"] == defaults.time_zone
    assert variables["comms_retention_hours"] == defaults.retention.total_seconds() / 3600
    assert variables["comms_stuck_after_hours"] == defaults.stuck_after.total_seconds() / 3600
    assert variables["comms_alert_volume"] == defaults.alert_volume
    assert variables["comms_alert_points"] == defaults.alert_points
    assert variables["comms_alert_days"] == defaults.alert_days
    assert variables["comms_counter_mode"] == defaults.counter_mode


def test_every_variable_is_set_and_documented() -> None:
    """Each that a file of the package reads has a default, and is in docs/dbt.md; and no other."""
    texts = [path.read_text() for path in PACKAGE.rglob("*.*") if path.suffix in {".sql", ".yml"}]
    read = set(re.findall(r"(?<!env_)var\('(\w+)'", "\n".join(texts)))
    variables = yaml.safe_load((PACKAGE / "dbt_project.yml").read_text())["vars"].keys()
    page = (ROOT / "docs/dbt.md").read_text()

    assert read == variables
    assert set(re.findall(r"^\| `(comms_\w+)` \|", page, re.MULTILINE)) == variables


def test_every_singular_test_is_documented() -> None:
    """With its severity, in docs/dbt.md, and no other."""
    page = (ROOT / "docs/dbt.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (red|warning) \|", page, re.MULTILINE))
    listed = yaml.safe_load((PACKAGE / "tests/tests.yml").read_text())["data_tests"]
    severities = {each["name"]: each["config"]["severity"] for each in listed}
    for path in PACKAGE.glob("tests/*.sql"):
        own = re.search(r"severity='(\w+)'", path.read_text())
        severities |= {path.stem: own[1]} if own else {}

    assert severities.keys() == {path.stem for path in PACKAGE.glob("tests/*.sql")}
    assert rows == {n: {"error": "red", "warn": "warning"}[s] for n, s in severities.items()}


def test_text_that_dbt_would_take_for_jinja_is_refused() -> None:
    """It would be run, or break every model."""
    with pytest.raises(ValueError, match="take a part of it for Jinja"):
        model_sql(View("odd", "select '{{ x }}' as a", "", {}), folder="marts")
