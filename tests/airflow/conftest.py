"""Airflow is started once; each test gets its own accounts, database and settings."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from comms_source.sandbox import AUTH_TOKEN
from tests.airflow.airflow_server import Airflow, running_airflow
from tests.airflow.airflow_world import World, made_world
from tests.postgres import Postgres, running_postgres

PIPELINES: Final = Path(__file__).parents[2] / "pipelines"
DAGS: Final = ("comms_load", "comms_backfill")
EDITS: Final = {
    'SCHEDULE = "*/15 * * * *"': "SCHEDULE = None",
    '"retry_delay": timedelta(seconds=30)': '"retry_delay": timedelta(seconds=1)',
    "NOTIFIERS: list[Any] = []": "NOTIFIERS = [lambda it: print('alert:', it['exception'])]",
}
"""What the tests change in the DAG files: no schedule, quick retries, and a notifier."""

Worlds = Callable[..., AbstractContextManager[World]]


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL server, without which nothing here can run."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def running(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """Airflow with both DAGs, and its own database in the server."""
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    for file in PIPELINES.glob("airflow_*.py"):
        (home / "dags" / file.name).write_text(edited(file.read_text()))
    settings = {"COMMS_PROJECT": str(home / "project"), "DLT_DATA_DIR": str(home / "dlt-data")}
    (home / "project").mkdir()
    database = server.make_database("airflow")
    with running_airflow(home=home, database=database, dags=DAGS, more=settings) as airflow:
        for dag in DAGS:
            airflow.ask("PATCH", f"dags/{dag}", json={"is_paused": False})
        yield airflow


def edited(dag: str) -> str:
    """A DAG file with the changes of the tests."""
    for old, new in EDITS.items():
        assert old in dag or "SCHEDULE" in old
        dag = dag.replace(old, new)
    return dag


@pytest.fixture
def airflow(running: Airflow) -> Iterator[Airflow]:
    """The running Airflow; its logs must hold no secret, and are shown if the test fails."""
    yield running
    print(running.output())  # noqa: T201 - pytest shows it only if the test failed
    logs = [*running.home.glob("*.log"), *running.home.glob("logs/**/*.log")]
    assert not [log for log in logs if AUTH_TOKEN in log.read_text(errors="replace")]


@pytest.fixture
def make_world(running: Airflow, server: Postgres) -> Worlds:
    """Makes accounts and an empty database; no state of earlier tests is left."""
    shutil.rmtree(running.home / "dlt-data", ignore_errors=True)
    return partial(made_world, project=running.home / "project", postgres=server)
