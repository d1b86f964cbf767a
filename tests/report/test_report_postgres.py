"""The report is the same wherever the record is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from comms_source.commands.load import run_load
from comms_source.destinations.pipeline import open_pipeline
from comms_source.report.as_json import as_dict
from comms_source.report.data.read import read_facts
from comms_source.sandbox import Clock, Sandbox, SandboxSettings
from comms_source.views.create import create_views
from comms_source.views.settings import ViewSettings
from tests.postgres import Postgres
from tests.support import NOW, session_for

SETTINGS = ViewSettings(now=NOW, time_zone="Europe/Berlin")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with few operations."""
    with Sandbox(SandboxSettings(operations_per_week=90), Clock(NOW)) as serving:
        yield serving


def told_by(destination: str, sandbox: Sandbox) -> dict[str, Any]:
    """What a report says after one load, but where it was read and when the load was."""
    pipeline = open_pipeline(destination=destination)
    run_load(session=session_for(sandbox), pipeline=pipeline)
    create_views(pipeline, settings=SETTINGS)
    told = as_dict(read_facts(pipeline, settings=SETTINGS, now=NOW))
    del told["destination"]
    for channel in told["channels"].values():
        del channel["coverage"]["health"]["last_synced_at"]
    return told


def test_postgres_tells_the_same_as_duckdb(
    sandbox: Sandbox, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last digit, in days of a zone with summer time."""
    url = postgres.make_database("report")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)

    told = told_by("duckdb", sandbox)
    assert told["channels"]["messages"]["operations"] == 90
    assert told_by("postgres", sandbox) == told
