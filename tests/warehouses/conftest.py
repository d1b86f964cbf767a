"""If the drivers of the warehouses are missing, all tests here are skipped, with one line."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

DRIVERS: Final = (
    "chdb",
    "clickhouse_connect",
    "clickhouse_driver",
    "databricks",
    "google.cloud.bigquery",
    "psycopg2",
    "snowflake",
)


def _is_missing(module: str) -> bool:
    try:
        return find_spec(module) is None
    except ModuleNotFoundError:
        return True


MISSING: Final = [module for module in DRIVERS if _is_missing(module)]


class WithoutDrivers(pytest.Module):
    """A test file that is not imported."""

    def collect(self) -> Iterator[pytest.Item]:
        """Skip the file, and name the command that installs the drivers."""
        pytest.skip(f"make warehouses installs {', '.join(MISSING)}", allow_module_level=True)


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> WithoutDrivers | None:
    """Skip the files of this folder if drivers are missing."""
    return WithoutDrivers.from_parent(parent, path=module_path) if MISSING else None
