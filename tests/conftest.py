"""Fixtures of all tests: no settings of this machine's user, and no telemetry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext
from hypothesis import HealthCheck, settings

from comms_source.sandbox import Clock, Sandbox, SandboxSettings
from tests.postgres import NoPostgres, Postgres, running_postgres
from tests.support import NOW, last_second

# A busy machine must not fail a test, so neither examples nor their generation have a time limit.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", settings.get_profile("untimed"), derandomize=True)
settings.register_profile("search", settings.get_profile("untimed"), print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def pytest_report_header() -> str:
    """The versions that matter for failures."""
    names = ("dlt", "duckdb", "pyarrow", "httpx", "sqlglot")
    return ", ".join(f"{name} {version(name)}" for name in names)


@pytest.fixture(autouse=True)
def clean_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run each test in its own folder, without any settings."""
    for name in list(os.environ):
        if name.startswith(("TWILIO_", "SOURCES__", "DESTINATION", "DATASET", "COMMS_", "COLUMNS")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt-data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    Container()[PipelineContext].deactivate()  # the pipeline of another test


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with a few hundred operations of each channel, its clock stopped."""
    with Sandbox(SandboxSettings(operations_per_week=300), Clock(NOW)) as serving:
        yield serving


@pytest.fixture
def today(sandbox: Sandbox) -> Sandbox:
    """The same, its clock stopped a moment ago, for runs by the real time."""
    sandbox.clock.set(last_second())
    return sandbox


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for all tests that need one; without its programs, they are skipped."""
    try:
        with running_postgres() as server:
            yield server
    except NoPostgres as reason:
        pytest.skip(str(reason))
