"""ClickHouse inside this process, behind the client interfaces that dlt uses for a server.

dlt is not changed. The statements that it would send to a server, with the native protocol or over
HTTP, are executed by chdb, which is ClickHouse's own engine as a library.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import chdb.session
import clickhouse_connect
import clickhouse_driver
import pyarrow as pa
import pytest
from clickhouse_driver.util.escape import escape_param
from dlt.destinations.impl.clickhouse import sql_client

DATABASE: Final = "warehouse"
URL: Final = f"clickhouse://somebody:secret@127.0.0.1:9000/{DATABASE}?secure=0"


class ClickHouse:
    """An engine with an empty database; a process can have only one at a time."""

    def __init__(self, folder: Path) -> None:
        self._session: Any = chdb.session.Session(str(folder))
        self._one_at_a_time = threading.Lock()
        self.execute(f"create database {DATABASE}")

    def execute(self, query: str) -> pa.Table:
        """The result of a query, which may have no columns.

        Raises:
            clickhouse_driver.dbapi.OperationalError: if the engine refuses it.
        """
        with self._one_at_a_time:
            try:
                answer = self._session.query(query, "ArrowStream").bytes()
            except RuntimeError as refused:
                raise clickhouse_driver.dbapi.OperationalError(str(refused)) from None
        return pa.ipc.open_stream(answer).read_all() if answer else pa.table({})

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        found: list[dict[str, Any]] = self.execute(query).to_pylist()
        return found

    def close(self) -> None:
        """Close the engine."""
        self._session.close()


class Cursor:
    """The part of the native driver's cursor that dlt uses."""

    def __init__(self, engine: ClickHouse) -> None:
        self._engine = engine
        self._rows: list[tuple[Any, ...]] = []
        self.description: list[tuple[str, ...]] | None = None

    def __enter__(self) -> Cursor:
        """Return the cursor, as the driver does."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing, because there is nothing to close."""

    def execute(self, operation: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Execute a query, with its parameters filled in as the driver does."""
        if parameters is not None:
            values = {name: escape_param(value, None) for name, value in parameters.items()}
            operation = operation % values
        table = self._engine.execute(operation)
        self.description = [(name,) for name in table.column_names]
        self._rows = [tuple(row.values()) for row in table.to_pylist()]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All remaining rows."""
        rows, self._rows = self._rows, []
        return rows

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """At most `size` remaining rows."""
        rows, self._rows = self._rows[:size], self._rows[size or 1 :]
        return rows

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row."""
        return self._rows.pop(0) if self._rows else None


class Connection:
    """The part of the native driver's connection that dlt uses."""

    def __init__(self, engine: ClickHouse) -> None:
        self._engine = engine

    def cursor(self) -> Cursor:
        """A cursor."""
        return Cursor(self._engine)

    def commit(self) -> None:
        """Do nothing, because each statement is committed at once."""

    def rollback(self) -> None:
        """Do nothing, because there are no transactions."""

    def close(self) -> None:
        """Do nothing, because the engine stays open."""


@contextmanager
def clickhouse_in_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClickHouse]:
    """An engine that dlt's `clickhouse` destination uses instead of a server."""
    engine = ClickHouse(folder)

    def insert_file(_: Any, table: str, path: str, *, fmt: str, database: str, **__: Any) -> None:
        engine.execute(f"insert into {database}.{table} from infile '{path}' format {fmt}")

    monkeypatch.setattr(clickhouse_driver, "connect", lambda **_: Connection(engine))
    monkeypatch.setattr(clickhouse_connect, "create_client", lambda **_: nullcontext())
    monkeypatch.setattr(sql_client, "clk_insert_file", insert_file)
    monkeypatch.setenv("DESTINATION__CLICKHOUSE__CREDENTIALS", URL)
    try:
        yield engine
    finally:
        engine.close()
