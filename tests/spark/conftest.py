"""Spark, and the results of the runs in it and in a DuckDB file; both run once."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

collect_ignore_glob = [] if find_spec("pyspark") else ["test_*.py"]
"""They run in their own environment: make spark."""

SETTINGS: Final = {"RUNTIME__DLTHUB_TELEMETRY": "false"}

if not collect_ignore_glob:
    from tests.destinations.places import configured
    from tests.spark.driver import databricks_on
    from tests.spark.engine import Spark, running_spark
    from tests.spark.runs import IN_DUCKDB, ON_SPARK, Run, run_stages

    @pytest.fixture(scope="session")
    def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
        """A session of Spark."""
        with running_spark(tmp_path_factory.mktemp("spark")) as session:
            yield session

    @pytest.fixture(scope="session")
    def found(spark: Spark, tmp_path_factory: pytest.TempPathFactory) -> Run:
        """The results of the runs in Spark."""
        folder = tmp_path_factory.mktemp("databricks")
        project = configured(SETTINGS, folder=folder / "project", home=folder)
        with project, databricks_on(spark, folder / "volumes") as views:
            return run_stages(ON_SPARK, views)

    @pytest.fixture(scope="session")
    def expected(tmp_path_factory: pytest.TempPathFactory) -> Run:
        """The results of the same runs in a DuckDB file."""
        folder: Path = tmp_path_factory.mktemp("duckdb")
        with configured(SETTINGS, folder=folder / "project", home=folder):
            return run_stages(IN_DUCKDB)
