"""Spark inside this machine, with Iceberg tables; it needs Java 17."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from databricks.sql.exc import ServerOperationError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from tests.spark.iceberg_jars import iceberg_jars

CATALOG: Final = "spark_catalog"
"""The only catalog of Spark that holds both tables and views."""

_AS_DATABRICKS: Final = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
}
"""What a SQL warehouse of Databricks has set, and Spark 3.5 has not."""

_TABLES: Final = {
    f"spark.sql.catalog.{CATALOG}": "org.apache.iceberg.spark.SparkSessionCatalog",
    f"spark.sql.catalog.{CATALOG}.type": "hadoop",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.legacy.createHiveTableByDefault": "false",
    "spark.sql.sources.default": "iceberg",
}

_FAST: Final = {
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
"""For few rows, compiling a query takes longer than all else."""

_LOCAL: Final = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}


class Spark:
    """A session of Spark."""

    def __init__(self, session: Any, warehouse: Path) -> None:
        self._session = session
        self._warehouse = warehouse
        self._one_at_a_time = threading.Lock()

    def execute(self, statement: str) -> pa.Table:
        """The result of a statement, which may have no columns.

        Raises:
            ServerOperationError: the driver's error, if Spark refuses the statement.
        """
        with self._one_at_a_time:
            try:
                frame = self._session.sql(statement)
                batches = frame._collect_as_arrow() if frame.columns else []
            except PySparkException as refused:
                raise ServerOperationError(str(refused)) from None
        return pa.Table.from_batches(batches) if batches else _empty(frame.columns)

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        found: list[dict[str, Any]] = self.execute(query).to_pylist()
        return found

    def tables(self, schema: str) -> list[str]:
        """The tables of a schema. Spark lists views only; each table of Iceberg is a folder."""
        return sorted(folder.name for folder in (self._warehouse / schema).glob("*"))

    def schema(self, table: str) -> Any:
        """The columns of a table or view."""
        return self._session.table(table).schema


def _empty(columns: list[str]) -> pa.Table:
    return pa.table({name: pa.nulls(0) for name in columns})


@contextmanager
def running_spark(folder: Path) -> Iterator[Spark]:
    """A session whose tables are in `folder`."""
    jars = ",".join(map(str, iceberg_jars(folder)))
    warehouse = folder / "tables"
    places = {
        "spark.jars": jars,
        "spark.sql.warehouse.dir": str(warehouse),
        f"spark.sql.catalog.{CATALOG}.warehouse": str(warehouse),
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in {**_AS_DATABRICKS, **_TABLES, **_FAST, **_LOCAL, **places}.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield Spark(session, warehouse)
    finally:
        session.stop()
