"""A DuckDB file and a PostgreSQL database that a load has filled, and a copy for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import duckdb
import psycopg2  # type: ignore[import-untyped]
import pytest

from comms_source.commands.init import write_project
from comms_source.commands.load import run_load
from comms_source.destinations.pipeline import open_pipeline
from comms_source.sandbox import Clock, Sandbox, SandboxSettings
from tests.dbt.dbt_program import PROGRAM, Dbt
from tests.postgres import Postgres
from tests.support import FILE, last_second, session_for

DATABASES: Final = ("duckdb", "postgres")
LOADED: Final = "loaded"
"""The database on PostgreSQL that the others are copies of."""
KINDS: Final = ("tags", "resources", "errors")
MADE: Final = "models"
"""The schema that dbt builds in."""

ON_ONE: Final = {
    "test_a_new_gap_is_red": "postgres",
    "test_a_deadline_that_is_near_is_red": "postgres",
    "test_a_duplicate_is_red": "duckdb",
    "test_a_stale_load_is_red": "duckdb",
    "test_a_team_adds_the_package_to_its_project": "postgres",
    "test_models_do_not_replace_the_views_of_comms_source": "duckdb",
    "test_variables_that_cannot_work_are_refused": "postgres",
    "test_what_a_person_should_look_at_is_a_warning": "duckdb",
}
"""Tests of what does not depend on the database, and the one that they run on, to save time."""


@dataclass(frozen=True, slots=True)
class World:
    """A dbt project, and the database that comms-source has loaded into."""

    dbt: Dbt
    connect: Callable[[], Any]

    def execute(self, *statements: str) -> None:
        """Execute statements."""
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    def rows(self, *queries: str) -> list[list[tuple[Any, ...]]]:
        """The rows of several queries, which have the same current time."""
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute("begin")
            found = []
            for query in queries:
                cursor.execute(query)
                found.append(cursor.fetchall())
            return found


if not PROGRAM.exists():
    collect_ignore: Final = ["test_dbt_builds.py", "test_dbt_alarms.py"]
    """They run in an environment of their own: make dbt."""


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """The kind of database."""
    return str(request.param)


@pytest.fixture(scope="session")
def get_loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """The folder of a project that has loaded into a kind of database, once, with details.

    The dbt package of comms init --dbt is in it. What dbt has parsed stays there, to save time.
    """

    @cache
    def folder_of(database: str) -> Path:
        folder = tmp_path_factory.mktemp(database)
        postgres = request.getfixturevalue("postgres") if database == "postgres" else None
        _load(folder, database, postgres)
        write_project(folder, dbt=True)
        return folder

    return folder_of


def _load(folder: Path, database: str, postgres: Postgres | None) -> None:
    sandbox = Sandbox(SandboxSettings(operations_per_week=200), Clock(last_second()))
    with pytest.MonkeyPatch.context() as patch, sandbox as serving:
        patch.chdir(folder)
        patch.setenv("DLT_DATA_DIR", str(folder / "dlt-data"))
        patch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        if postgres:
            patch.setenv("DESTINATION__POSTGRES__CREDENTIALS", postgres.make_database(LOADED))
        run_load(
            session=session_for(serving, details=KINDS, details_requests=300),
            pipeline=open_pipeline(destination=database),
        )


@pytest.fixture
def world(
    database: str, get_loaded: Callable[[str], Path], request: pytest.FixtureRequest
) -> World:
    """A fresh copy of the loaded database, always in the same place, and dbt over it."""
    loaded = get_loaded(database)
    package = loaded / "dbt"
    if database == "duckdb":
        file = str(loaded / "copied.duckdb")
        shutil.copy(loaded / FILE, file)
        environment = {"COMMS_DUCKDB_FILE": file, "COMMS_DBT_SCHEMA": MADE}
        return World(Dbt(package, environment), lambda: duckdb.connect(file))
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.connect() as cursor:
        cursor.execute("drop database if exists copied with (force)")
        cursor.execute(f"create database copied template {LOADED}")
    environment = {
        "COMMS_DBT_TARGET": "postgres",
        "COMMS_DBT_SCHEMA": MADE,
        "PGHOST": "127.0.0.1",
        "PGPORT": str(postgres.port),
        "PGUSER": "tests",
        "PGPASSWORD": "any",
        "PGDATABASE": "copied",
    }
    return World(Dbt(package, environment), lambda: psycopg2.connect(postgres.url("copied")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run some tests on one database only, and those on PostgreSQL last.

    Of two processes, one then gets DuckDB and the other PostgreSQL, and each loads once.
    """
    items[:] = [item for item in items if _runs(item)]
    items.sort(key=lambda item: ("[postgres]" in item.name) - ("[duckdb]" in item.name))


def _runs(item: pytest.Item) -> bool:
    only = ON_ONE.get(item.name.partition("[")[0])
    return only is None or item.name.endswith(f"[{only}]")
