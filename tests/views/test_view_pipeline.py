"""The views and the headline figures over a warehouse that dlt itself has loaded."""

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
from comms_source.figures import Figures, read_figures
from comms_source.sandbox.samples import CHANNEL_OF, operations_in, sample_names
from comms_source.tables import Stamp, operations_schema, read_rows
from comms_source.view_files import read_views
from comms_source.view_settings import ViewSettings
from comms_source.views import create_views
from tests.views.view_tables import Operation, counted, records, table_schemas

STAMP: Final = Stamp(account="acme", load_id="load", synced_at=datetime(2026, 11, 20, tzinfo=UTC))


def load(pipeline: dlt.Pipeline, tables: dict[str, pa.Table]) -> None:
    """Load Arrow tables by name, each with the columns that it has."""
    pipeline.run([dlt.resource([table], name=name) for name, table in tables.items()])


def load_first(pipeline: dlt.Pipeline, tables: dict[str, pa.Table]) -> None:
    """Load as a first run does, which makes all tables, those without rows too."""
    empty = {name: schema.empty_table() for name, schema in table_schemas().items()}
    load(pipeline, empty | tables)


def documented(channel: Channel) -> pa.Table:
    """The documented operations of a channel, read as a run would read them, ids made distinct."""
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
            "_dlt_load_id": STAMP.load_id,
        }
        for number, each in enumerate(operations)
        if each.channel == channel.name
    ]
    return pa.Table.from_pylist(rows, schema=operations_schema(channel))


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[dlt.Pipeline]:
    """A pipeline that keeps its database and its state in the test's folder."""
    made = dlt.pipeline(
        pipeline_name="views",
        destination=dlt.destinations.duckdb(str(tmp_path / "w.duckdb")),
        dataset_name="comms",
        pipelines_dir=str(tmp_path / "p"),
    )
    yield made
    made.deactivate()


def test_that_a_pipeline_gets_its_views_and_its_figures(
    pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    """What dlt loaded can be read by name, with comments, and summed up for each channel."""
    load_first(pipeline, {channel.table: documented(channel) for channel in CHANNELS.values()})

    names = [view.name for view in read_views()]
    assert create_views(pipeline, settings=ViewSettings()) == names
    assert create_views(pipeline, settings=ViewSettings()) == names

    assert read_figures(pipeline) == [
        # 1 and 2 deliveries, and of the row that fits no reading 3 or 4 of 4 or 5
        Figures("messages", 5, 17, (6 / 7, 7 / 8), (1 / 7, 1 / 6), 0, 1),
        Figures("emails", 3, 8, (1.0, 1.0), (3 / 7, 3 / 7), 3, 0),
        Figures("push_notifications", 3, 446, None, None, 70, 1),
    ]

    with duckdb.connect(str(tmp_path / "w.duckdb")) as db:
        assert len(records(db, "select * from comms.operations")) == 11
        missing = records(
            db,
            "select table_name, column_name from duckdb_columns() where comment is null"
            " and schema_name = 'comms' and table_name in (select view_name from duckdb_views())",
        )
        assert missing == []


def test_that_figures_follow_a_pinned_reading(pipeline: dlt.Pipeline) -> None:
    """With the reading pinned, what was an interval is a point."""
    load_first(pipeline, {channel.table: documented(channel) for channel in CHANNELS.values()})
    create_views(pipeline, settings=ViewSettings(stats_reading={"messages": "cumulative"}))
    (messages, *_) = read_figures(pipeline)
    assert messages.delivered == (6 / 7, 6 / 7)
    create_views(pipeline, settings=ViewSettings(stats_reading={"messages": "exclusive"}))
    (messages, *_) = read_figures(pipeline)
    assert messages.delivered == (7 / 8, 7 / 8)


def test_that_figures_of_nothing_are_none(pipeline: dlt.Pipeline) -> None:
    """Without an operation there is no channel to speak of; without an outcome, no share."""
    email = counted("emails", total=0)
    for operations, expected in (
        ([], []),
        ([email], [Figures("emails", 1, 0, None, None, 0, 0)]),
    ):
        load_first(
            pipeline,
            {channel.table: table_of(channel, operations) for channel in CHANNELS.values()},
        )
        create_views(pipeline, settings=ViewSettings())
        assert read_figures(pipeline) == expected


def test_that_views_survive_a_new_counter(pipeline: dlt.Pipeline) -> None:
    """A column that dlt adds to a table that a view reads leaves the view as it was."""
    load_first(pipeline, {channel.table: documented(channel) for channel in CHANNELS.values()})
    create_views(pipeline, settings=ViewSettings())
    before = read_figures(pipeline)
    emails = CHANNELS["emails"]
    wider = documented(emails).append_column("clicked", pa.array([1, 2, 3], pa.int64()))
    load(pipeline, {emails.table: wider.slice(0, 0)})
    load(pipeline, {emails.table: wider.slice(0, 1)})
    assert [figures.operations for figures in read_figures(pipeline)] == [5, 4, 3]
    create_views(pipeline, settings=ViewSettings())
    assert read_figures(pipeline)[0] == before[0]
