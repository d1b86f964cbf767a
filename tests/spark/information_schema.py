"""The information schema, which Spark lacks: the parts of it that dlt and this project read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from databricks.sql.utils import ParamEscaper

from tests.spark.engine import CATALOG, Spark

_ASKED: Final = re.compile(r"\binformation_schema\.(?P<relation>\w+)", re.IGNORECASE)

_COLUMNS: Final = {
    "schemata": "catalog_name string, schema_name string",
    "views": "table_catalog string, table_schema string, table_name string",
    "columns": "table_catalog string, table_schema string, table_name string, column_name string, "
    "full_data_type string, is_nullable string, ordinal_position int, "
    "numeric_precision int, numeric_scale int",
}
"""The columns of each relation."""


def with_relations(query: str, spark: Spark) -> str:
    """A query with the rows of the relations that it asks for in their places."""
    return _ASKED.sub(lambda found: _relation(found["relation"].lower(), spark), query)


def _relation(name: str, spark: Spark) -> str:
    rows = json.dumps([*_ROWS[name](spark)])
    text = ParamEscaper().escape_string(rows)
    return f"(select inline(from_json({text}, 'array<struct<{_typed(_COLUMNS[name])}>>')))"


def _typed(columns: str) -> str:
    return re.sub(r"(\w+) (\w+)", r"\1:\2", columns)


def _schemata(spark: Spark) -> Iterator[Mapping[str, Any]]:
    for row in spark.rows(f"show schemas in {CATALOG}"):
        yield {"catalog_name": CATALOG, "schema_name": row["namespace"]}


def _views(spark: Spark) -> Iterator[Mapping[str, Any]]:
    for schema in _schemata(spark):
        for row in spark.rows(f"show views in {CATALOG}.{schema['schema_name']}"):
            yield {
                "table_catalog": CATALOG,
                "table_schema": schema["schema_name"],
                "table_name": row["viewName"],
            }


def _columns(spark: Spark) -> Iterator[Mapping[str, Any]]:
    for schema in _schemata(spark):
        for table in spark.tables(schema["schema_name"]):
            yield from _columns_of(spark, schema["schema_name"], table)


def _columns_of(spark: Spark, namespace: str, table: str) -> Iterator[Mapping[str, Any]]:
    for position, field in enumerate(spark.schema(f"{CATALOG}.{namespace}.{table}"), start=1):
        yield {
            "table_catalog": CATALOG,
            "table_schema": namespace,
            "table_name": table,
            "column_name": field.name,
            "full_data_type": field.dataType.simpleString(),
            "is_nullable": "YES" if field.nullable else "NO",
            "ordinal_position": position,
        }


_ROWS: Final = {"schemata": _schemata, "views": _views, "columns": _columns}
