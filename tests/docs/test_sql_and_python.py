"""The blocks of SQL and Python in the documentation run, unchanged, on a load from the sandbox."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext

from comms_source.commands.load import load
from comms_source.sandbox import Sandbox
from comms_source.tables.registry import all_tables
from tests.docs.pages import blocks
from tests.support import FILE

SQL = [block for block in blocks("sql") if block.reason is None]
PYTHON = [block for block in blocks("python") if block.reason is None]
UNLIKELY = {"comms.gaps", "'...'", "label = 'campaign'", "2026-11-16"}
"""What the sandbox has no rows of."""
NEEDS_LOAD = {"docs/accounts.md"}
"""The pages whose programs read what was loaded before."""
NEEDS_NOTHING = {"docs/sandbox.md"}
"""The pages whose programs start a sandbox of their own."""
DAYS = "select day, channel, requested, delivered from comms.daily_delivery order by all"


@pytest.mark.parametrize("language", ["sql", "python", "console"])
def test_a_block_that_is_not_run_says_why(language: str) -> None:
    """In a comment before it; those that a new user sees first are run."""
    skipped = [block for block in blocks(language) if block.reason is not None]

    assert all(len(block.reason or "") > 10 for block in skipped)
    assert not {"README.md", "docs/quickstart.md", "docs/data-model.md"} & {b.page for b in skipped}


@pytest.mark.usefixtures("with_details", "loaded")
def test_the_queries_run() -> None:
    """Each returns rows, unless it is about what a quiet account does not have."""
    assert {"README.md", "docs/quickstart.md", "docs/data-model.md"} <= {b.page for b in SQL}
    with duckdb.connect(FILE) as connection:
        connection.execute("set timezone = 'UTC'")
        for block in SQL:
            for query in filter(str.strip, block.text.split(";")):
                rows = connection.execute(query).fetchall()
                assert rows or any(word in query for word in UNLIKELY), f"{block}: {query}"


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({block.page for block in PYTHON}))
def test_the_python_runs(page: str, configured: Sandbox) -> None:
    """Each block as a program of its own, one after the other."""
    if page in NEEDS_LOAD:
        load()
    for block in PYTHON:
        if block.page == page:
            Container()[PipelineContext].deactivate()
            run(block.text, name=str(block))

    assert configured.requests or page in NEEDS_NOTHING


@pytest.mark.usefixtures("loaded")
def test_the_views_over_a_lake_are_those_of_the_warehouse() -> None:
    """With the program of the page on destinations, reading Parquet files instead of Delta."""
    (block,) = (each for each in blocks("python") if "delta_scan" in each.text)
    Path("lake").mkdir()
    with duckdb.connect(FILE, read_only=True) as connection:
        for table in all_tables(details=False):
            connection.execute(f"copy comms.{table.name} to 'lake/{table.name}' (format parquet)")
        expected = connection.execute(DAYS).fetchall()

    program = block.text.replace("delta_scan('/data/lake/comms/", "read_parquet('lake/")
    run(program + "db.close()", name=str(block))

    with duckdb.connect("lake.duckdb", read_only=True) as connection:
        assert connection.execute(DAYS).fetchall() == expected != []


def run(program: str, *, name: str) -> None:
    """Run a program in this process."""
    exec(compile(program, name, "exec"), {"__name__": "__main__"})
