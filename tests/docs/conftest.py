"""A folder with what the blocks of the documentation need: settings for a sandbox, and a load."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from comms_source.commands.load import load
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, Sandbox, SandboxSettings
from tests.support import last_second


@pytest.fixture
def configured(
    clean_surroundings: None,  # noqa: ARG001 - first
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Sandbox]:
    """A small sandbox, which the environment names as the API; its clock goes on.

    Blocks with many commands take a while, after which `comms check` would refuse a stopped clock.
    """
    clock = Clock(last_second(), frozen=False)
    with Sandbox(SandboxSettings(operations_per_week=15), clock) as sandbox:
        monkeypatch.setenv("SOURCES__COMMS_SOURCE__BASE_URL", sandbox.url)
        monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
        monkeypatch.setenv("NO_PROXY", "*")
        yield sandbox


@pytest.fixture
def with_details(
    clean_surroundings: None,  # noqa: ARG001 - first
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Loads read tags, so that the tables and views of details exist."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__DETAILS", '["tags"]')


@pytest.fixture
def loaded(configured: Sandbox) -> Sandbox:
    """The same, and this folder has what `comms load` loads from it."""
    load()
    return configured
