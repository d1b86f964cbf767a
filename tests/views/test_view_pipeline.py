"""The views and the totals in a warehouse that is loaded by dlt."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import dlt
import duckdb
import pyarrow as pa
import pytest

from comms_source.channels import CHANNELS, Channel
from comms_source.report.findings.totals import read_figures
from comms_source.sandbox.samples import CHANNEL_OF, operations_in, sample_names
from comms_source.tables.operations import Stamp, operations_table, read_rows
from comms_source.views.create import create_views, refresh_views
from comms_source.views.files import read_views
from comms_source.views.settings import ViewSettings
from tests.views.view_tables import Operation, counted, operations_of, records, table_schemas

pytestmark = pytest.mark.slow

STAMP: Final = Stamp(account="acme", synced_at=datetime(2026, 11, 20, tzinfo=UTC))


def load(pipeline: dlt.Pipeline, tables: dict[str, pa.Table]) -> None:
    """Load Arrow tables by name."""
    pipeline.run([dlt.resource([table], name=name) for name, table in tables.items()])


def load_first(pipeline: dlt.Pipeline, tables: dict[str, pa.Table]) -> None:
    """Load as a first run does, which creates all tables, also empty ones."""
    empty = {name: schema.empty_table() for name, schema in table_schemas().items()}
    load(pipeline, empty | tables)


def documented(channel: Channel) -> pa.Table:
    """The documented operations of a channel, read as in a run, with distinct ids."""
    operations = [
        operation | {"id": f"{name}_{position}"}
        for name in sample_names()
        if CHANNEL_OF[name.split("_")[0]] == channel.name
        for position, operation in enumerate(operations_in(name))
    ]
    raw = [json.dumps(operation) for operation in operations]
    return read_rows(operations, raw=lambda: raw, channel=channel, stamp=STAMP).operations


def table_of(channel: Channel, operations: Iterable[Operation]) -> pa.Table:
    """Operations in a table of the channel's schema."""
    rows = [
        {
            "id": str(number),
            "account": each.account,
            "status": each.status,
            "created_at": each.created_at,
            **each.counters,
            "synced_at": STAMP.synced_at,
            "_dlt_load_id": "load",
        }
        for number, each in enumerate(operations)
        if each.channel == channel.name
    ]
    return pa.Table.from_pylist(rows, schema=operations_table(channel).schema)


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[dlt.Pipeline]:
    """A pipeline with its database and its state in the test's folder."""
    made = dlt.pipeline(
        pipeline_name="views",
        destination=dlt.destinations.duckdb(str(tmp_path / "w.duckdb")),
        dataset_name="comms",
        pipelines_dir=str(tmp_path / "p"),
    )
    yield made
    made.deactivate()


def all_documented() -> dict[str, pa.Table]:
    """The documented operations of all channels, by table."""
    return {channel.table: documented(channel) for channel in CHANNELS.values()}


def test_a_pipeline_gets_its_views_and_figures(pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    """The views of loaded tables can be queried, with comments, and have sums per channel."""
    load_first(pipeline, all_documented())

    names = [view.name for view in read_views(details=True)]
    assert create_views(pipeline, settings=ViewSettings()) == names
    assert create_views(pipeline, settings=ViewSettings()) == names

    figures = read_figures(pipeline)
    assert {name: (each.operations, each.requested) for name, each in figures.items()} == {
        "messages": (5, 15),
        "emails": (3, 10),
        "push_notifications": (3, 450),
    }
    messages, pushes = figures["messages"], figures["push_notifications"]
    # 1 and 2 deliveries, and 3 or 4 of the row that fits no mode
    assert (messages.delivered_low, messages.delivered_high, messages.not_delivered) == (6, 7, 1)
    assert (pushes.delivered_low, pushes.attempted, pushes.accepted) == (None, None, 365)

    with duckdb.connect(str(tmp_path / "w.duckdb")) as db:
        assert len(records(db, "select * from comms.operations")) == 11
        described = "comment is not null or table_name like 'int!_%' escape '!'"
        missing = records(
            db,
            f"select table_name, column_name from duckdb_columns() where not ({described})"
            " and schema_name = 'comms' and table_name in (select view_name from duckdb_views())"
            " and table_name not like 'stg%'",
        )
        assert missing == []


def test_figures_without_data_are_none(pipeline: dlt.Pipeline) -> None:
    """Without an operation there is no channel; without requested resources, no rate."""
    load_first(pipeline, {})
    create_views(pipeline, settings=ViewSettings())
    assert read_figures(pipeline) == {}
    emails = CHANNELS["emails"]
    load(pipeline, {emails.table: table_of(emails, [counted("emails", total=0)])})
    (figures,) = read_figures(pipeline).values()
    assert (figures.operations, figures.requested, figures.attempted) == (1, 0, None)
    assert (figures.delivery, figures.engagement) == (None, None)


def test_views_and_new_counters(pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    """A column that dlt adds breaks no view; the next run's views read the columns they know."""
    emails, pushes = CHANNELS["emails"], CHANNELS["push_notifications"]
    push = table_of(pushes, [counted("push_notifications", total=100, failed=5)])
    load_first(pipeline, all_documented() | {pushes.table: push})
    create_views(pipeline, settings=ViewSettings())
    before = read_figures(pipeline)
    clicked = documented(emails).append_column("clicked", pa.array([1, 2, 3], pa.int64()))
    for name, value in (("delivered", 95), ("undelivered", 0)):
        push = push.append_column(name, pa.array([value], pa.int64()))
    load(pipeline, {emails.table: clicked.slice(0, 1), pushes.table: push})
    figures = read_figures(pipeline)
    assert [each.operations for each in figures.values()] == [5, 4, 2]
    assert figures["messages"] == before["messages"]

    refresh_views(pipeline, settings=ViewSettings())
    assert read_figures(pipeline)["emails"] == figures["emails"]
    with duckdb.connect(str(tmp_path / "w.duckdb")) as db:
        found = [
            row["delivery_rate"]
            for row in operations_of(db)
            if row["channel"] == "push_notifications"
        ]
    assert found == [None, 0.95]
