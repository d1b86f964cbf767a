"""One sandbox server for this folder, reset for each test, because starting one takes time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from comms_source.sandbox import Clock, Sandbox, SandboxSettings
from tests.support import NOW


@pytest.fixture(scope="session")
def served() -> Iterator[Sandbox]:
    """A sandbox that serves until the last test."""
    with Sandbox(SandboxSettings(operations_per_week=300), Clock(NOW)) as serving:
        yield serving


@pytest.fixture
def sandbox(served: Sandbox) -> Sandbox:
    """A sandbox with a few hundred operations of each channel and a stopped clock."""
    served.clock.set(NOW)
    served.clock.frozen = True
    served.faults.replace([])
    served.requests.clear()
    return served
