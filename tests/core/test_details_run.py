"""A run of details, apart from its requests."""

from __future__ import annotations

from datetime import timedelta

from comms_source.coverage.details import DetailsPlan, DetailsWork, OperationState
from comms_source.extract.details_run import DetailsRun
from comms_source.sandbox import Sandbox
from comms_source.tables.detail_tables import DETAILS
from tests.support import NOW, session_for

OPERATION = OperationState(
    channel="messages",
    id="comms_operation_1",
    created_at=NOW - timedelta(days=8),
    version=1,
    total=1,
    not_delivered=0,
)
WORK = DetailsWork(DetailsPlan(due=[], waiting=[], expired=[(OPERATION, "tags")]), {})


def test_details_expire_by_a_clock_that_the_api_confirmed(sandbox: Sandbox) -> None:
    """A clock that is ahead would take for lost what the API still has; the next run records it."""
    session = session_for(sandbox)
    unconfirmed = DetailsRun(work=WORK, session=session, on_error="raise")
    session.is_clock_confirmed = True
    confirmed = DetailsRun(work=WORK, session=session, on_error="raise")

    assert [*unconfirmed.scan()] == []
    ((spec, rows),) = confirmed.scan()
    assert (spec, rows["outcome"].to_pylist()) == (DETAILS, ["expired"])
