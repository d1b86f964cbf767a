"""The blocks of SQL and Python in the documentation run, unchanged, on a load from the sandbox."""

from __future__ import annotations

import duckdb
import pytest
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext

from comms_source.sandbox import Sandbox
from tests.docs.pages import Block, blocks
from tests.support import FILE

SQL = [block for block in blocks("sql") if block.reason is None]
PYTHON = [block for block in blocks("python") if block.reason is None]
UNLIKELY = {"comms.gaps", "'...'", "label = 'campaign'"}
"""What the sandbox has no rows of."""


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


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_the_python_runs(block: Block, loaded: Sandbox) -> None:
    """As a program of its own, in a folder with a load."""
    Container()[PipelineContext].deactivate()

    exec(compile(block.text, str(block), "exec"), {"__name__": "__main__"})

    assert loaded.requests
