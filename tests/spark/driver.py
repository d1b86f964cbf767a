"""Spark behind the interface of Databricks' driver, which dlt's `databricks` destination uses.

dlt is not changed. The statements that it would send to the service are executed by Spark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest
from databricks import sql
from databricks.sql.utils import ParamEscaper

from tests.spark.engine import CATALOG, Spark
from tests.spark.files import Volumes
from tests.spark.information_schema import with_relations
from tests.spark.views import Views

SETTINGS: Final = {
    "SERVER_HOSTNAME": "databricks.invalid",
    "HTTP_PATH": "/sql/1.0/warehouses/0123",
    "CATALOG": CATALOG,
    "ACCESS_TOKEN": "any-token",
}

_TIME_AS_TEXT: Final = re.compile(r"'(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?) ?\+00:?00'")
"""How dlt writes the time at which the states of a history end and begin, and the driver any."""


def for_spark(sent: str) -> str:
    """A statement with times as literals; Spark assigns no text to a column of times."""
    return _TIME_AS_TEXT.sub(r"timestamp '\g<time>+00:00'", sent)


class Cursor:
    """The part of the driver's cursor that dlt uses."""

    def __init__(self, spark: Spark, volumes: Volumes, views: Views) -> None:
        self._spark = spark
        self._volumes = volumes
        self._views = views
        self._table = pa.table({})
        self.description: list[tuple[str, ...]] | None = None

    def __enter__(self) -> Cursor:
        """Return the cursor, as the driver does."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing, because there is nothing to close."""

    def execute(self, operation: str, parameters: Sequence[Any] | None = None) -> None:
        """Execute a statement, with its parameters filled in as the driver does."""
        if parameters:
            operation = operation % ParamEscaper().escape_args(parameters)
        statement = self._volumes.statement(operation.strip().rstrip(";"))
        if statement is None or self._views.create(statement):
            self._table = pa.table({})
        else:
            self._table = self._spark.execute(for_spark(with_relations(statement, self._spark)))
        self.description = [(name,) for name in self._table.column_names]

    def fetchmany_arrow(self, size: int) -> pa.Table:
        """At most `size` remaining rows."""
        rows, self._table = self._table.slice(0, size), self._table.slice(size)
        return rows

    def fetchall_arrow(self) -> pa.Table:
        """All remaining rows."""
        return self.fetchmany_arrow(self._table.num_rows)

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        """At most `size` remaining rows."""
        return [tuple(row.values()) for row in self.fetchmany_arrow(size).to_pylist()]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All remaining rows."""
        return self.fetchmany(self._table.num_rows)

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row."""
        return next(iter(self.fetchmany(1)), None)


class Connection:
    """The part of the driver's connection that dlt uses."""

    staging_allowed_local_path: str

    def __init__(self, spark: Spark, volumes: Volumes, views: Views) -> None:
        self._spark = spark
        self._volumes = volumes
        self._views = views

    def cursor(self) -> Cursor:
        """A cursor."""
        return Cursor(self._spark, self._volumes, self._views)

    def close(self) -> None:
        """Do nothing, because Spark stays."""


@contextmanager
def databricks_on(spark: Spark, folder: Path) -> Iterator[Views]:
    """Let dlt's `databricks` destination use Spark; files are staged in `folder`."""
    volumes, views = Volumes(folder), Views(spark)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sql, "connect", lambda **_: Connection(spark, volumes, views))
        for name, value in SETTINGS.items():
            patch.setenv(f"DESTINATION__DATABRICKS__CREDENTIALS__{name}", value)
        yield views
