"""One served sandbox for this folder, as new for each test: starting and ending one takes time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from comms_source.sandbox import Clock, Sandbox, SandboxSettings
from tests.support import NOW


@pytest.fixture(scope="session")
def served() -> Iterator[Sandbox]:
    """A sandbox that serves until the last test is done."""
    with Sandbox(SandboxSettings(operations_per_week=300), Clock(NOW)) as serving:
        yield serving


@pytest.fixture
def sandbox(served: Sandbox) -> Sandbox:
    """A sandbox with a few hundred operations of each channel, its clock stopped."""
    served.clock.set(NOW)
    served.clock.frozen = True
    served.faults.replace([])
    served.requests.clear()
    return served
