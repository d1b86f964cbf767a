"""What a run says where the API does not list the resources of one operation alone."""

from __future__ import annotations

import pytest

from comms_source.coverage.details import KINDS, Kind
from comms_source.sandbox import Fault, Sandbox
from tests.support import load

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", KINDS)
def test_a_filter_that_is_ignored_makes_the_run_incomplete(sandbox: Sandbox, kind: Kind) -> None:
    """Also where only errors are read: their messages are found in the same list."""
    sandbox.faults.replace([Fault(kind="ignored_filter", channel="messages", endpoint="resources")])

    summary = load(sandbox, channels=["messages"], details=(kind,), details_requests=50)

    assert summary.exit_code == 3
    assert "errors" not in summary.stats.channels["messages"].details.unavailable
