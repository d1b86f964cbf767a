"""Runs are tested without their views, which take as long as all else that a small run does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from comms_source.commands import views as runs
from tests.postgres import Postgres
from tests.runs.on_postgres import DATABASE


@pytest.fixture
def views() -> None:
    """Asked for by tests that look at views: there they are made, as in any run."""


@pytest.fixture(autouse=True)
def _no_views(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "views" not in request.fixturenames:
        monkeypatch.setattr(runs, "refresh_views", lambda *_, **__: [])


@pytest.fixture
def cursor(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A look into an empty database, which is where dlt's `postgres` loads to."""
    url = postgres.make_database(DATABASE)
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)
    with postgres.connect(DATABASE) as looking:
        yield looking
