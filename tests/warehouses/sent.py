"""The statements that dlt would send to a warehouse for the tables of a load."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import dlt
from dlt.common.schema import Schema

from comms_source.commands.load import run_load
from comms_source.destinations.pipeline import open_pipeline
from comms_source.sandbox import Clock, Fault, Sandbox, SandboxSettings
from comms_source.tables.history import VALID_FROM, VALID_TO
from tests.support import NOW, session_for

NEW_COUNTER = "clicked"


@cache
def loaded_schema() -> Schema:
    """The schema of a dataset after a load with a new counter."""
    pipeline = open_pipeline(destination="duckdb")
    with Sandbox(SandboxSettings(operations_per_week=20), Clock(NOW)) as sandbox:
        sandbox.faults.replace([Fault(kind="new_counter", channel="emails", rows=1)])
        run_load(session=session_for(sandbox), pipeline=pipeline)
    return pipeline.default_schema


class Sent:
    """The statements of one warehouse."""

    def __init__(self, pipeline: dlt.Pipeline) -> None:
        destination: Any = pipeline.destination
        spec = destination.spec()._bind_dataset_name(pipeline.dataset_name)
        self.client: Any = destination.client(loaded_schema(), spec)
        self.dialect: str = self.client.capabilities.sqlglot_dialect

    def tables(self) -> list[str]:
        """The tables of a load, including dlt's own."""
        return list(self.client.schema.tables)

    def create(self, table: str) -> list[str]:
        """The statements that create a table."""
        return self._update(table, {})

    def add_column(self, table: str, column: str) -> list[str]:
        """The statements that add a column to a table that has all others."""
        columns = self.client.schema.get_table(table)["columns"]
        return self._update(table, {name: columns[name] for name in columns if name != column})

    def _update(self, table: str, there: dict[str, Any]) -> list[str]:
        statements: list[str] = self.client._build_schema_update_sql([(table, there)])[0]
        return statements

    def merge(self, table: str) -> list[str]:
        """The statements that merge the staged rows of a table."""
        prepared = self.client.prepare_load_table(table)
        if VALID_FROM in prepared["columns"] and VALID_TO in prepared["columns"]:
            prepared["x-boundary-timestamp"] = NOW + timedelta(seconds=1)
        statements: list[str] = []
        for job in self.client._create_merge_followup_jobs([prepared]):
            file = Path(job.new_file_path())
            statements += file.read_text(encoding="utf-8").splitlines()
            file.unlink()
        return [each.strip() for each in statements if each.strip()]

    def in_both_datasets(self, table: str) -> list[str]:
        """The statements that create a table in the dataset and in the staging dataset."""
        statements = self.create(table)
        with self.client.sql_client.with_staging_dataset():
            return [*statements, *self.create(table)]


def merged(schema: Schema) -> Sequence[str]:
    """The tables that rows are merged into."""
    tables: Sequence[Any] = schema.data_tables(include_incomplete=False)
    return [table["name"] for table in tables if table["write_disposition"] == "merge"]
