"""Tests of runs. Most skip creating the views, which takes as long as the rest of a small run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from comms_source.commands import views as runs
from tests.postgres import Postgres
from tests.runs.on_postgres import DATABASE


@pytest.fixture
def views() -> None:
    """Requested by tests of the views: then they are created, as in any run."""


@pytest.fixture(autouse=True)
def _no_views(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "views" not in request.fixturenames:
        monkeypatch.setattr(runs, "refresh_views", lambda *_, **__: [])


@pytest.fixture
def cursor(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cursor in an empty database, into which dlt's `postgres` loads."""
    url = postgres.make_database(DATABASE)
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)
    with postgres.connect(DATABASE) as querying:
        yield querying
