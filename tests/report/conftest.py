"""Facts that many tests use, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from comms_source.report.data.facts import Facts
from tests.report.busy_account import busy_account
from tests.report.sample_data import (
    DAY,
    HOUR,
    NOW,
    Operation,
    Warehouse,
    coverage,
    facts_in,
    gap,
    messages,
    run,
    write,
)


@pytest.fixture(scope="session")
def operations() -> list[Operation]:
    """Weeks of sends, with stuck operations and one that failed."""
    stuck = [
        messages(
            f"stuck_{number:02d}",
            created_at=NOW - (number + 2) * 3 * HOUR,
            delivered=900,
            queued=400 + number,
            status="PROCESSING",
        )
        for number in range(27)
    ]
    failing = messages("failing", created_at=NOW - 20 * HOUR, delivered=100, failed=3900)
    return [*busy_account(), *stuck, failing]


@pytest.fixture(scope="session")
def warehouse(operations: list[Operation], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with these operations, a gap, a rejected row and a failed run."""
    path = tmp_path_factory.mktemp("busy") / "warehouse.duckdb"
    lost = gap(NOW - 9 * DAY, NOW - 9 * DAY + 7 * HOUR, channel="messages")
    read = [
        window
        for window in coverage(first=NOW - 10 * DAY, last=NOW - HOUR)
        if window["channel"] != "messages"
        or not lost["gap_start"] <= window["window_start"] < lost["gap_end"]
    ]
    rejected = {
        "row_key": "1",
        "account": "acme",
        "channel": "emails",
        "operation_id": None,
        "reason": "it has no id",
        "raw": "{}",
        "synced_at": NOW,
    }
    records = {
        "coverage": read,
        "gaps": [lost],
        "rejected_operations": [rejected],
        "runs": [run(outcome="failed"), run(ago=2 * HOUR)],
    }
    write(Warehouse(operations=operations, records=records), path=str(path))
    return path


@pytest.fixture(scope="session")
def facts(warehouse: Path) -> Facts:
    """The facts of a report on it."""
    return facts_in(warehouse)


@pytest.fixture(scope="session")
def page(facts: Facts) -> str:
    """The HTML page of these facts."""
    from comms_source.report.html.rendering import page  # noqa: PLC0415 - it is slow to import

    return page(facts)
