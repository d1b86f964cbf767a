"""Errors of database drivers that dlt does not translate: mostly of opening a connection."""

from __future__ import annotations

import sys
from typing import Final

_DRIVERS: Final = {
    "psycopg2": ("PostgreSQL", "Error"),
    "sqlalchemy.exc": ("the database", "SQLAlchemyError"),
    "duckdb": ("DuckDB", "Error"),
    "snowflake.connector.errors": ("Snowflake", "Error"),
    "google.api_core.exceptions": ("BigQuery", "GoogleAPIError"),
    "google.auth.exceptions": ("BigQuery", "GoogleAuthError"),
    "databricks.sql.exc": ("Databricks", "Error"),
    "clickhouse_driver.errors": ("ClickHouse", "Error"),
    "clickhouse_connect.driver.exceptions": ("ClickHouse", "ClickHouseError"),
    "pyodbc": ("SQL Server", "Error"),
    "botocore.exceptions": ("S3", "BotoCoreError"),
    "deltalake.exceptions": ("the lake", "DeltaError"),
}
"""What a driver connects to, and the base class of its errors, by the module of that class."""


def driver_errors() -> tuple[type[Exception], ...]:
    """The base classes of the errors of all drivers that are imported, and `OSError`."""
    return (OSError, *_loaded())


def place_of(error: BaseException) -> str:
    """What a driver's error is about, such as `PostgreSQL`; `the destination` if it is unknown."""
    places = (place for kind, place in _loaded().items() if isinstance(error, kind))
    return next(places, "the destination")


def _loaded() -> dict[type[Exception], str]:
    found = {}
    for name, (place, base) in _DRIVERS.items():
        kind = getattr(sys.modules.get(name), base, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            found[kind] = place
    return found
