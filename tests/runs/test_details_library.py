"""Details as resources of the dlt source: in one load package with the operations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.parquet
import pytest
from dlt.extract import DltSource

import comms_source
from comms_source.channels import CHANNELS
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox
from comms_source.tables.detail_tables import DETAIL_TABLES
from tests.runs.details_world import (
    ALL,
    asked,
    not_delivered,
    operations_asked,
    query,
    small,
    stored_attempts,
    stored_resources,
    true_resources,
)
from tests.support import last_second

CREDENTIALS = {"account_id": ACCOUNT_ID, "auth_token": AUTH_TOKEN}


@pytest.fixture
def few() -> Iterator[Sandbox]:
    """A sandbox with a few operations of each channel; its clock stopped a moment ago."""
    with small(operations_per_week=6) as serving:
        serving.clock.set(last_second())
        yield serving


@pytest.fixture
def pipeline(tmp_path: Path) -> dlt.Pipeline:
    """A pipeline as a user creates it, into this folder's DuckDB file."""
    return dlt.pipeline(
        "twilio_comms", destination="duckdb", dataset_name="comms", pipelines_dir=str(tmp_path)
    )


def build(sandbox: Sandbox, **changes: Any) -> DltSource:
    """The public source with details, reading a sandbox."""
    given: dict[str, Any] = {"credentials": CREDENTIALS, "base_url": sandbox.url, "details": ALL}
    return comms_source.comms_source(**given | changes)


def tables() -> set[str]:
    """The tables of the dataset, without dlt's own."""
    names = query(
        "select table_name from information_schema.tables "
        "where table_schema = 'comms' and table_name not like '\\_dlt%' escape '\\'"
    )
    return {name for (name,) in names}


def ids(sandbox: Sandbox, channel: str) -> set[str]:
    """The operations of a channel."""
    return {row["id"] for row in sandbox.truth(channel)}


def test_building_the_source_sends_no_request(few: Sandbox) -> None:
    """The tables of details are resources of it, and only where they are asked for."""
    names = {spec.name for spec in DETAIL_TABLES}

    assert names <= build(few).selected_resources.keys()
    assert not names & build(few, details=[]).resources.keys()
    assert not few.requests


@pytest.mark.slow
def test_details_are_in_the_package_of_the_operations(few: Sandbox, pipeline: dlt.Pipeline) -> None:
    """The first run reads them all, the second none, and each commits once."""
    info = pipeline.run(build(few))

    assert len(info.loads_ids) == 1
    for channel in CHANNELS:
        assert stored_resources(channel) == true_resources(few, channel)
    assert bool(stored_attempts()) == any(map(not_delivered, few.truth("messages")))
    few.requests.clear()
    assert len(pipeline.run(build(few)).loads_ids) == 1
    assert not asked(few)
    assert query("select distinct outcome from comms.runs") == [("complete",)]


@pytest.mark.slow
def test_a_table_of_details_can_be_loaded_alone(few: Sandbox, pipeline: dlt.Pipeline) -> None:
    """By what the tables know of operations; no operation is read for it."""
    pipeline.run(build(few, details=["tags"]).with_resources("operation_tags"))
    assert tables() == {"operation_tags"}
    assert not few.requests

    pipeline.run(build(few, details=[]).with_resources("email_operations"))
    few.requests.clear()
    pipeline.run(build(few, details=["tags"]).with_resources("operation_tags", "operation_details"))

    assert {each.endpoint for each in few.requests} == {"resources"}
    assert operations_asked(few) == ids(few, "emails")
    assert tables() == {"email_operations", "operation_tags", "operation_details"}


@pytest.mark.slow
def test_selected_details_wait_for_the_selected_channels(
    few: Sandbox, pipeline: dlt.Pipeline
) -> None:
    """What is read of operations in the same package is enough."""
    pipeline.run(build(few).with_resources("message_operations", "messages", "operation_details"))

    assert tables() == {"message_operations", "messages", "operation_details"}
    assert stored_resources("messages") == true_resources(few, "messages")


@pytest.mark.slow
def test_add_limit_on_a_channel_limits_its_details(few: Sandbox, pipeline: dlt.Pipeline) -> None:
    """To the operations that were read; the next run reads the others, and each once."""
    limited = build(few, channels=["messages"], details=["tags"])
    limited.resources["message_operations"].add_limit(1)
    pipeline.run(limited)
    loaded = {name for (name,) in query("select id from comms.message_operations")}
    assert loaded
    assert operations_asked(few) == loaded

    pipeline.run(build(few, channels=["messages"], details=["tags"]))
    assert operations_asked(few) == ids(few, "messages")
    assert asked(few)["resources"] == len(ids(few, "messages"))


def test_details_can_be_read_without_a_pipeline(few: Sandbox) -> None:
    """As Arrow tables, like all rows of the source."""
    source = build(few, channels=["emails"], details=["resources"])
    found = [rows for rows in source if "recipients" in rows.schema.names and "to" not in rows]

    resources = [rows for rows in found if "operation_id" in rows.schema.names]
    assert sum(rows.num_rows for rows in resources) == len(true_resources(few, "emails"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sink", "filesystem"])
def test_a_destination_without_a_merge_gets_details(
    few: Sandbox, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a sink got before is not known, so it gets it again with its operation."""
    received: dict[str, int] = {}

    @dlt.destination(batch_size=0, loader_file_format="parquet")
    def sink(path: Any, table: Any) -> None:
        rows = pa.parquet.read_table(path).num_rows
        received[table["name"]] = received.get(table["name"], 0) + rows

    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "bucket"))
    destination: Any = sink if kind == "sink" else "filesystem"
    pipeline = dlt.pipeline(
        "to_files", destination=destination, dataset_name="comms", pipelines_dir=str(tmp_path)
    )
    changes = {"channels": ["emails"], "details": ["resources"], "allow_duplicates": True}
    pipeline.run(build(few, **changes), loader_file_format="parquet")

    if kind == "filesystem":
        files = (tmp_path / "bucket/comms/emails").glob("*.parquet")
        received["emails"] = sum(pa.parquet.read_table(path).num_rows for path in files)
    assert received["emails"] == len(true_resources(few, "emails")) > 0
    few.requests.clear()
    pipeline.run(build(few, **changes, refresh="full"), loader_file_format="parquet")
    assert operations_asked(few) == (ids(few, "emails") if kind == "sink" else set())
