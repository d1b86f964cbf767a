"""Runs are tested without their views, which take as long as all else that a small run does."""

from __future__ import annotations

import pytest

from comms_source import runs


@pytest.fixture
def views() -> None:
    """Asked for by tests that look at views: there they are made, as in any run."""


@pytest.fixture(autouse=True)
def _no_views(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "views" not in request.fixturenames:
        monkeypatch.setattr(runs, "refresh_views", lambda *_, **__: [])
