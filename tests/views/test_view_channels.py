"""A new channel is one more row in `channels.py`; no view depends on the number of channels."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import duckdb
import pytest

from comms_source.channels import CHANNELS, Channel
from comms_source.views import statements as view_statements
from comms_source.views.files import public_views, read_views, tables_of
from tests.views import view_tables
from tests.views.view_tables import NOW, State, counted, empty_tables, put, put_states, records
from tests.views.view_worlds import HOUR, World, put_world

LETTERS = Channel(
    name="letters",
    path="Letters",
    table="letter_operations",
    counters=(
        *("total", "recipients", "scheduled", "queued", "sent", "delivered"),
        *("undelivered", "failed", "canceled"),
    ),
    envelopes=("letters",),
)
CACHES = (tables_of, view_statements._statements)


@pytest.fixture
def db(monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty warehouse with four channels, and the views."""
    channels = {**CHANNELS, LETTERS.name: LETTERS}
    for name, module in list(sys.modules.items()):
        if name.startswith(("comms_source.", "tests.")) and hasattr(module, "CHANNELS"):
            monkeypatch.setattr(module, "CHANNELS", channels)
    for cache in (*CACHES, view_tables.table_schemas):
        cache.cache_clear()
    with empty_tables() as made:
        for view in view_statements.view_statements(dialect="duckdb", dataset="comms"):
            made.execute(view.create)
        yield made
    for cache in (*CACHES, view_tables.table_schemas):
        cache.cache_clear()


def test_a_fourth_channel_is_in_every_view(db: duckdb.DuckDBPyConnection) -> None:
    """Its table and its history are read like those of the others, and it is the last one."""
    letter = counted("letters", total=10, recipients=10, sent=2, delivered=7, failed=1)
    read = {
        "account": "acme",
        "channel": "letters",
        "window_start": letter.created_at,
        "window_end": letter.created_at + HOUR,
        "read_at": NOW,
        "is_complete": True,
    }
    put(db, [letter])
    put_states(db, [State(shown=letter, valid_from=letter.created_at)])
    put_world(db, World(coverage=[read]))
    (row,) = records(db, "select * from comms.operations")
    assert (row["channel"], row["channel_order"]) == ("letters", 4)
    assert (row["delivered"], row["attempted"], row["counter_mode"]) == (7, 10, "exclusive")
    for view in ("daily_delivery", "operation_states", "sync_health", "counter_modes"):
        assert records(db, f"select channel, channel_order from comms.{view}") == [
            {"channel": "letters", "channel_order": 4}
        ], view
    settings = {row["setting"] for row in records(db, "select setting from comms.view_settings")}
    assert "counter_mode.letters" in settings


def test_no_view_names_a_channel() -> None:
    """No file contains the name of a channel or of its table."""
    names = [word for each in CHANNELS.values() for word in (f"'{each.name}'", each.table)]
    for view in read_views(details=True):
        assert not [name for name in names if name in view.sql], view.name
    assert len(public_views()) > 15
