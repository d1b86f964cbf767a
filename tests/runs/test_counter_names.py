"""Counters with names of existing columns."""

from __future__ import annotations

from typing import Any

import duckdb
import msgspec
import pytest

from comms_source.channels import CHANNELS
from comms_source.commands.summary import RunSummary
from comms_source.sandbox import Fault, Sandbox
from tests.support import FILE, load, true

pytestmark = pytest.mark.slow

TAKEN = ("validFrom", "ValidTo", "valid_to", "row_version", "_dlt_id", "valid from", "Id", "")
FREE = ("order", "select", "linkClicks", "channel", "operation_id", "dltId", "x" * 60)
"""Names that other tables have, or that are words of SQL, are columns like any other."""


def load_with(sandbox: Sandbox, *names: str) -> RunSummary:
    """Load operations with counters of these names, all of them 7."""
    sandbox.faults.replace([Fault(kind="new_counter", rows=1, name=name) for name in names])
    return load(sandbox)


def rows_of(table: str, columns: str) -> list[tuple[Any, ...]]:
    """The rows of a table."""
    with duckdb.connect(FILE, read_only=True) as connection:
        return connection.execute(f"select {columns} from comms.{table}").fetchall()


def test_counters_named_like_our_columns_load_into_extra(sandbox: Sandbox) -> None:
    """Also in a second load, into the tables of the first; they make no new state."""
    first = load_with(sandbox, *TAKEN)
    second = load_with(sandbox, *TAKEN)

    assert (first.exit_code, second.exit_code) == (0, 0)
    for channel in CHANNELS.values():
        extras = [msgspec.json.decode(extra) for (extra,) in rows_of(channel.table, "extra")]
        assert extras == [{"stats": dict.fromkeys(TAKEN, 7)}] * len(true(sandbox, channel.name))
        assert len(rows_of(channel.history_table, "id")) == len(extras)
        assert rows_of(channel.history_table, "count(valid_to), count(distinct id)") == [
            (0, len(extras))
        ]


@pytest.mark.usefixtures("views")
def test_counters_of_other_names_load_into_columns(sandbox: Sandbox) -> None:
    """And the views can be created."""
    summary = load_with(sandbox, *FREE)

    assert summary.exit_code == 0
    assert summary.views
    for channel in CHANNELS.values():
        names = summary.as_dict()["channels"][channel.name]["new_counters"]
        assert len(names) == len(FREE)
        quoted = ", ".join(f'"{name}"' for name in names)
        for table in (channel.table, channel.history_table):
            assert set(rows_of(table, quoted)) == {(7,) * len(FREE)}
