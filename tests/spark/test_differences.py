"""What Spark 3.5 lacks, and these tests therefore stand in for; each test fails when it has it."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator

import pytest
from databricks.sql.exc import ServerOperationError

from tests.spark.engine import CATALOG, Spark
from tests.spark.iceberg_jars import PACKAGE, PREFIX, iceberg_archive

pytestmark = pytest.mark.filterwarnings(
    # PySpark leaves the socket of a result to the garbage collector.
    "ignore:unclosed <socket:ResourceWarning",
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning",
)

TABLE = f"{CATALOG}.differences.times"


@pytest.fixture
def table(spark: Spark) -> Iterator[str]:
    """A table with a time."""
    spark.execute(f"create schema {CATALOG}.differences")
    spark.execute(f"create table {TABLE} (id string, at timestamp)")
    yield TABLE
    spark.execute(f"drop table {TABLE}")
    spark.execute(f"drop schema {CATALOG}.differences")


def test_spark_assigns_no_text_to_a_time(spark: Spark, table: str) -> None:
    """Databricks' driver and dlt write times as texts; `for_spark` makes them times."""
    time = "'2026-11-20 12:00:31.000000+00:00'"
    for statement in (
        f"update {table} set at = {time} where id is null",
        f"insert into {table} (id, at) select 'one' as id, {time} as at",
    ):
        with pytest.raises(ServerOperationError, match="CANNOT_SAFELY_CAST"):
            spark.execute(statement)
    spark.execute(f"insert into {table} (id, at) select 'one' as id, timestamp {time} as at")
    assert len(spark.rows(f"select * from {table}")) == 1


def test_spark_has_no_information_schema(spark: Spark) -> None:
    """`information_schema.py` lists schemas, views and columns instead."""
    for relation in ("schemata", "views", "columns"):
        with pytest.raises(ServerOperationError, match="TABLE_OR_VIEW_NOT_FOUND"):
            spark.execute(f"select * from information_schema.{relation}")


def test_spark_lists_no_tables_of_iceberg(spark: Spark, table: str) -> None:
    """Not beside views, in one catalog; their folders are listed instead."""
    assert spark.rows(f"show tables in {CATALOG}.differences") == []
    assert spark.tables("differences") == [table.rpartition(".")[2]]


@pytest.mark.parametrize(
    "statement",
    [
        "create volume if not exists main.comms.files",
        "put '/data/rows.parquet' into '/Volumes/main/comms/files/rows.parquet' overwrite",
        "copy into main.comms.runs from '/Volumes/main/comms/files' fileformat = parquet",
        "remove '/Volumes/main/comms/files/rows.parquet'",
    ],
)
def test_spark_has_no_volumes(spark: Spark, statement: str) -> None:
    """And no COPY INTO; `files.py` copies the files, and inserts their rows by name."""
    with pytest.raises(ServerOperationError, match="PARSE_SYNTAX_ERROR"):
        spark.execute(statement)


def test_the_archive_of_iceberg_lacks_jackson() -> None:
    """Else `iceberg_jars.py` need not copy Spark's."""
    with zipfile.ZipFile(iceberg_archive()) as archive:
        names = archive.namelist()
    assert not any(name.startswith(PREFIX + PACKAGE) for name in names)
    assert any(name.startswith("org/apache/iceberg/spark/") for name in names)
