"""Details after a loss: what the tables no longer have is read again."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from comms_source.sandbox import Clock, Sandbox, SandboxSettings
from tests.support import FILE, NOW, load

pytestmark = pytest.mark.slow

KINDS = ["tags", "resources", "errors"]
ATTEMPTS = """
select operation_id, count(distinct message_id) from comms.message_attempts group by 1 order by 1
"""


@pytest.mark.parametrize("table", ["messages", "operation_tags"])
def test_a_table_that_was_dropped_is_filled_again(table: str, sandbox: Sandbox) -> None:
    """With the rows that it had, as far as the API still has them; no row is there twice."""
    load(sandbox, details=KINDS)
    before = _rows(f"select * exclude (synced_at, _dlt_load_id) from comms.{table} order by all")
    _drop(table)
    again = load(sandbox, details=KINDS)

    assert before
    assert again.exit_code == 0
    after = _rows(f"select * exclude (synced_at, _dlt_load_id) from comms.{table} order by all")
    assert after == before


def test_attempts_that_were_dropped_are_read_again(sandbox: Sandbox) -> None:
    """Of as many messages of each operation; which of them are asked for is the API's order."""
    load(sandbox, details=KINDS)
    before = _rows(ATTEMPTS)
    _drop("message_attempts")
    load(sandbox, details=KINDS)

    assert before
    assert _rows(ATTEMPTS) == before


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A few operations for messages, some of them large."""
    settings = SandboxSettings(operations_per_week={"messages": 10})
    with Sandbox(settings, Clock(NOW)) as serving:
        yield serving


def _drop(table: str) -> None:
    with duckdb.connect(FILE) as connection:
        connection.execute(f"drop table comms.{table}")


def _rows(query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(FILE, read_only=True) as connection:
        return list(connection.execute(query).fetchall())
