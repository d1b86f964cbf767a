"""Idioms that dlt users use with any source: each affects what it names and nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

import comms_source
from comms_source.channels import CHANNELS
from comms_source.dlt_resources.load_packages import operation_resources
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox
from comms_source.tables.bookkeeping import BOOKKEEPING
from comms_source.tables.registry import all_tables
from tests.support import FILE, last_second, session_for, stored, true

CREDENTIALS = {"account_id": ACCOUNT_ID, "auth_token": AUTH_TOKEN}


@pytest.fixture
def source(sandbox: Sandbox) -> DltSource:
    """The public source; the clock of the sandbox stopped a moment ago."""
    sandbox.clock.set(last_second())
    return build(sandbox)


def build(sandbox: Sandbox, **changes: Any) -> DltSource:
    """The public source, reading a sandbox."""
    given: dict[str, Any] = {"credentials": CREDENTIALS, "base_url": sandbox.url, **changes}
    return comms_source.comms_source(**given)


@pytest.fixture
def pipeline(tmp_path: Path) -> dlt.Pipeline:
    """A pipeline as a user creates it, into this folder's DuckDB file."""
    return dlt.pipeline(
        "twilio_comms", destination="duckdb", dataset_name="comms", pipelines_dir=str(tmp_path)
    )


def tables() -> dict[str, int]:
    """The number of rows of each existing table, without dlt's own."""
    with duckdb.connect(FILE, read_only=True) as connection:
        names = connection.execute(
            "select table_name from information_schema.tables "
            "where table_schema = 'comms' and table_name not like '\\_dlt%' escape '\\'"
        ).fetchall()
        return {
            name: connection.execute(f"select count(*) from comms.{name}").fetchall()[0][0]
            for (name,) in names
        }


@pytest.mark.slow
def test_with_resources_loads_the_selected_tables(
    source: DltSource, pipeline: dlt.Pipeline, sandbox: Sandbox
) -> None:
    """The next run loads the rest, and nothing is lost between the two."""
    pipeline.run(source.with_resources("message_operations"))
    assert tables() == {"message_operations": len(sandbox.truth("messages"))}

    pipeline.run(build(sandbox))
    found = tables()
    assert found.keys() == {spec.name for spec in all_tables(details=False)}
    with duckdb.connect(FILE, read_only=True) as connection:
        covered = connection.execute(
            "select channel, count(*) from comms.coverage group by channel"
        ).fetchall()
    assert len({count for _, count in covered}) == 1
    assert found["runs"] == 1
    assert stored("messages") == true(sandbox, "messages")


def test_a_history_can_be_loaded_without_its_operations(
    source: DltSource, pipeline: dlt.Pipeline, sandbox: Sandbox
) -> None:
    """The parent of a transformer is read even if it is not selected."""
    pipeline.run(source.with_resources("email_operation_history", "coverage"))

    found = tables()
    assert found.keys() == {"email_operation_history", "coverage"}
    assert found["email_operation_history"] == len(sandbox.truth("emails"))
    assert found["coverage"] > 100


@pytest.mark.slow
def test_add_limit_gives_a_page_and_covers_nothing(
    sandbox: Sandbox, pipeline: dlt.Pipeline
) -> None:
    """The next run reads the rest."""
    sandbox.clock.set(last_second())
    limited = build(sandbox).with_resources("message_operations", "coverage").add_limit(1)
    pipeline.run(limited)
    assert tables()["message_operations"] > 0
    assert tables().get("coverage", 0) == 0

    pipeline.run(build(sandbox))
    assert stored("messages") == true(sandbox, "messages")


def test_add_map_and_add_filter_see_operations_only(
    source: DltSource, pipeline: dlt.Pipeline, sandbox: Sandbox
) -> None:
    """They get Arrow tables with one schema; histories are made from what they return."""
    seen: list[set[str]] = []

    def labelled(rows: pa.Table) -> pa.Table:
        seen.append(set(rows.column_names))
        return rows.append_column("team", pa.array(["crm"] * rows.num_rows))

    def completed(rows: pa.Table) -> bool:
        return bool(rows.num_rows)

    operations = source.resources["message_operations"]
    operations.add_map(labelled)
    operations.add_map(lambda rows: rows.filter(pc.field("status") == "COMPLETED"))
    operations.add_filter(completed)
    pipeline.run(source.with_resources("message_operations", "message_operation_history"))

    assert len(set(map(frozenset, seen))) == 1
    with duckdb.connect(FILE, read_only=True) as connection:
        teams = connection.execute(
            "select distinct status, team from comms.message_operations"
        ).fetchall()
    assert teams == [("COMPLETED", "crm")]
    completed_ids = {row["id"] for row in sandbox.truth("messages") if row["status"] == "COMPLETED"}
    assert tables()["message_operations"] == len(completed_ids)
    assert tables()["message_operation_history"] == len(completed_ids)


def test_a_transformer_has_its_own_table(
    source: DltSource, pipeline: dlt.Pipeline, sandbox: Sandbox
) -> None:
    """It gets Arrow tables of operations, and its rows go to its table."""

    @dlt.transformer(name="failures")
    def failures(rows: pa.Table) -> Any:
        yield rows.filter(pc.field("failed") > 0).select(["id", "failed"])

    pipeline.run(source.resources["message_operations"] | failures)

    expected = {row["id"] for row in sandbox.truth("messages") if row["stats"]["failed"]}
    with duckdb.connect(FILE, read_only=True) as connection:
        found = connection.execute("select id from comms.failures").fetchall()
    assert {name for (name,) in found} == expected
    assert tables().keys() == {"failures"}


def test_apply_hints_names_another_table(source: DltSource, pipeline: dlt.Pipeline) -> None:
    """The hints of a resource are those of its one table."""
    source.resources["email_operations"].apply_hints(table_name="mailings")
    pipeline.run(source.with_resources("email_operations"))

    assert tables().keys() == {"mailings"}


@pytest.mark.slow
def test_parallelize_changes_nothing(
    source: DltSource, pipeline: dlt.Pipeline, sandbox: Sandbox
) -> None:
    """Channels are read in dlt's threads anyway."""
    pipeline.run(source.parallelize())

    assert all(stored(channel) == true(sandbox, channel) for channel in CHANNELS)
    assert tables()["runs"] == 1


@pytest.mark.slow
def test_drop_resources_empties_the_named_resource_only(
    source: DltSource, pipeline: dlt.Pipeline, sandbox: Sandbox
) -> None:
    """Its table and its state; other channels and the bookkeeping are kept."""
    pipeline.run(source)
    before = tables()
    sandbox.clock.advance(timedelta(minutes=1))

    pipeline.run(build(sandbox).with_resources("message_operations"), refresh="drop_resources")

    after = tables()
    assert after.keys() == before.keys()
    unchanged = before.keys() - {"message_operations"}
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
    assert stored("messages") == true(sandbox, "messages")


@pytest.mark.slow
def test_a_frozen_schema_refuses_a_new_column(
    source: DltSource, pipeline: dlt.Pipeline, sandbox: Sandbox
) -> None:
    """With dlt's `schema_contract`; documented columns pass."""
    pipeline.run(source, schema_contract={"columns": "freeze"})
    assert tables()["message_operations"] > 0

    def widened(rows: pa.Table) -> pa.Table:
        return rows.append_column("extra_count", pa.array([1] * rows.num_rows))

    again = build(sandbox, refresh="full")  # In the first minutes of an hour nothing else is due.
    again.resources["message_operations"].add_map(widened)
    with pytest.raises(PipelineStepFailed, match="extra_count"):
        pipeline.run(again, schema_contract={"columns": "freeze"})


@pytest.mark.slow
def test_dev_mode_loads_into_a_separate_dataset(
    source: DltSource, tmp_path: Path, sandbox: Sandbox
) -> None:
    """With a separate state, so everything is read."""
    pipeline = dlt.pipeline(
        "twilio_comms",
        destination="duckdb",
        dataset_name="comms",
        pipelines_dir=str(tmp_path),
        dev_mode=True,
    )
    pipeline.run(source)

    assert pipeline.dataset_name.startswith("comms_2")
    rows = pipeline.dataset()["email_operations"].fetchall()
    assert len(rows) == len(sandbox.truth("emails"))


def test_discover_schema_knows_columns_and_descriptions(source: DltSource) -> None:
    """Of every table, before any request, for catalogue tools."""
    schema = source.discover_schema()

    assert set(schema.data_table_names()) == {spec.name for spec in all_tables(details=False)}
    for spec in all_tables(details=False):
        columns = schema.get_table_columns(spec.name)
        # Of a history's version and validity dlt keeps hints of its own, without a type.
        of_dlt = {"row_version", "valid_from", "valid_to"} if spec.is_history else set()
        assert columns.keys() - of_dlt == {*spec.schema.names} - of_dlt
        for name in columns.keys() - of_dlt:
            assert columns[name]["description"] == spec.described(name) != ""
            assert columns[name]["data_type"]


@pytest.mark.slow
def test_the_dataset_can_be_queried(
    source: DltSource, pipeline: dlt.Pipeline, sandbox: Sandbox, tmp_path: Path
) -> None:
    """`pipeline.dataset()` reads the tables; `dlt.attach` finds the pipeline by its name."""
    pipeline.run(source)
    expected = len(sandbox.truth("messages"))

    assert len(pipeline.dataset()["message_operations"].fetchall()) == expected
    attached = dlt.attach("twilio_comms", pipelines_dir=str(tmp_path))
    assert len(attached.dataset()["message_operations"].fetchall()) == expected
    assert attached.default_schema_name == "comms_source"


@pytest.mark.slow
def test_the_bookkeeping_can_be_left_out(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    """A later run with it writes what is missing, gaps included."""
    operations = [channel.table for channel in CHANNELS.values()]

    def later(days: int) -> DltSource:
        sandbox.clock.advance(timedelta(days=days))
        resources = operation_resources(session_for(sandbox))
        return dlt.source(lambda: resources, name="comms_source", section="comms_source")()

    pipeline.run(later(0).with_resources(*operations))
    pipeline.run(later(9).with_resources(*operations))
    assert tables().keys() == {*operations}
    pipeline.run(later(1))

    found = tables()
    assert found.keys() >= {spec.name for spec in BOOKKEEPING}
    assert found["coverage"] > 3 * 24 * 7
    with duckdb.connect(FILE, read_only=True) as connection:
        gaps = connection.execute(
            "select channel, gap_end - gap_start from comms.gaps order by channel"
        ).fetchall()
    assert [channel for channel, _ in gaps] == sorted(CHANNELS)
    assert all(timedelta(days=1) < missed < timedelta(days=3) for _, missed in gaps)


def test_a_sink_gets_rows_if_duplicates_are_allowed(sandbox: Sandbox, tmp_path: Path) -> None:
    """`@dlt.destination` cannot merge, so an operation that is read again is a duplicate."""
    sandbox.clock.set(last_second())
    received: dict[str, int] = {}

    @dlt.destination(batch_size=0, loader_file_format="parquet")
    def sink(path: Any, table: Any) -> None:
        rows = pa.parquet.read_table(path).num_rows
        received[table["name"]] = received.get(table["name"], 0) + rows

    pipeline = dlt.pipeline("to_a_sink", destination=sink, pipelines_dir=str(tmp_path))
    pipeline.run(build(sandbox, allow_duplicates=True))

    # One that was created in this very second is not read yet.
    assert len(sandbox.truth("emails")) - received["email_operations"] in {0, 1}
