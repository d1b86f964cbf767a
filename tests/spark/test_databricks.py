"""Loads in Databricks' dialect on Spark, compared with a DuckDB file, row by row.

They use dlt's own `databricks` destination. The service is Spark with Iceberg tables, see
`driver.py`. What Spark does not do as Databricks does is in `test_differences.py`.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from comms_source.channels import CHANNELS
from tests.destinations.scenario import DETAILS, HISTORIES, OPERATIONS, Row
from tests.spark.runs import RUN, Run

pytestmark = pytest.mark.filterwarnings(
    # PySpark leaves the socket of a result to the garbage collector.
    "ignore:unclosed <socket:ResourceWarning",
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning",
)


@pytest.mark.parametrize("stage", RUN)
def test_tables(stage: str, found: Run, expected: Run) -> None:
    """After each run: operations, histories, coverage, gaps, rejected rows and details."""
    there, right = found.results.stages[stage], expected.results.stages[stage]

    assert found.results.exits[stage] == expected.results.exits[stage]
    assert there.keys() == right.keys()
    for table, rows in right.items():
        assert there[table] == rows, table
    assert all(right[table] for table in (*OPERATIONS, *HISTORIES, "coverage", "runs"))


def test_the_runs_are_not_simple(found: Run) -> None:
    """They have a new counter, rejected rows, gaps, and details of each kind."""
    stages = found.results.stages

    assert {row["clicked"] for row in stages["later"]["email_operations"]} == {None, 7}
    assert stages["later"]["rejected_operations"]
    assert stages["after an outage"]["gaps"]
    assert all(stages["details"][table] for table in DETAILS)


def test_rows_that_are_read_again_change_nothing(found: Run) -> None:
    """Each operation is in its table once, and no history has a new state."""
    first, again = found.results.stages["first"], found.results.stages["again"]

    for table in (*OPERATIONS, *HISTORIES):
        assert again[table] == first[table]
    for table in OPERATIONS:
        assert len({row["id"] for row in again[table]}) == len(again[table])


def test_states_of_a_history_adjoin(found: Run) -> None:
    """A state ends where the next one begins, and the last one has not ended."""
    changed = 0
    for channel in CHANNELS.values():
        states: dict[str, list[Row]] = {}
        for row in found.results.stages["details"][channel.history_table]:
            states.setdefault(row["id"], []).append(row)
        changed += sum(len(rows) > 1 for rows in states.values())
        for rows in states.values():
            in_order = sorted(rows, key=lambda row: str(row["valid_from"]))
            assert all(one["valid_to"] == two["valid_from"] for one, two in pairwise(in_order))
            assert in_order[-1]["valid_to"] is None
    assert changed > 0


def test_views(found: Run, expected: Run) -> None:
    """All of them, internal ones and those of details included."""
    assert found.views.keys() == expected.views.keys()
    for view, rows in expected.views.items():
        assert found.views[view] == rows, view
    assert sum(map(bool, expected.views.values())) > 35


def test_each_view_was_created(found: Run) -> None:
    """By the statement that `comms views` sends to Databricks."""
    names = {name.split("`")[-2] for name in found.created}
    assert names == found.views.keys()


def test_what_the_commands_say(found: Run, expected: Run) -> None:
    """`status`, `plan` and `report` read the same from both."""
    assert found.results.status == expected.results.status
    assert found.results.plan == expected.results.plan
    assert found.results.report == expected.results.report
