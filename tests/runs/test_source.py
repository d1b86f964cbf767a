"""The source as a library: what dlt gets to see of it."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

import comms_source
from comms_source.channels import CHANNELS
from comms_source.config.resolve import resolve_settings
from comms_source.errors import ConfigurationError, ServerFault
from comms_source.sandbox import (
    ACCOUNT_ID,
    AUTH_TOKEN,
    Clock,
    Fault,
    Sandbox,
    SandboxSettings,
    sample_names,
)
from comms_source.sandbox.samples import CHANNEL_OF, operations_in
from comms_source.tables.bookkeeping import BOOKKEEPING
from comms_source.tables.operations import operations_table
from comms_source.timespans import parse_instant
from tests.support import stored, true

CREDENTIALS = {"account_id": ACCOUNT_ID, "auth_token": AUTH_TOKEN}


def source(sandbox: Sandbox, **changes: Any) -> DltSource:
    """The public source, reading a sandbox; by default a range that its stopped clock is in."""
    given = {"credentials": CREDENTIALS, "base_url": sandbox.url, "page_size": 50, **changes}
    return comms_source.comms_source(**given)


@pytest.fixture
def pipeline(tmp_path: Path) -> dlt.Pipeline:
    """A pipeline as a user makes one, into this folder's DuckDB file."""
    return dlt.pipeline(
        "twilio_comms", destination="duckdb", dataset_name="comms", pipelines_dir=str(tmp_path)
    )


@pytest.fixture
def today(sandbox: Sandbox) -> Sandbox:
    """A sandbox whose clock stands at the real time, as a user's machine does."""
    sandbox.clock.set(datetime.now(UTC).replace(microsecond=0))
    return sandbox


def cursor_of(pipeline: dlt.Pipeline, table: str) -> Any:
    """What dlt remembers of a resource's cursor."""
    resources = pipeline.state["sources"]["comms_source"]["resources"]
    return resources[table]["incremental"]["created_at"]["last_value"]


def test_building_the_source_sends_no_request(sandbox: Sandbox) -> None:
    """Names of resources can be asked for without a connection."""
    built = source(sandbox)

    tables = [
        name for channel in CHANNELS.values() for name in (channel.table, channel.history_table)
    ]
    assert list(built.selected_resources) == [*tables, *(spec.name for spec in BOOKKEEPING)]
    assert not sandbox.requests


def test_a_bare_run_fills_every_table(today: Sandbox, pipeline: dlt.Pipeline) -> None:
    """Two lines are enough, and the cursor tells up to when the table is filled."""
    before = datetime.now(UTC).replace(microsecond=0)
    pipeline.run(source(today))

    for channel in CHANNELS.values():
        assert stored(channel.name) == true(today, channel.name)
        assert before <= cursor_of(pipeline, channel.table) <= datetime.now(UTC)


def test_the_schema_is_never_asked_while_it_may_grow(
    today: Sandbox, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channels are read in threads; meanwhile the one that dlt runs in adds tables and columns."""
    asking = []
    ask = dlt.Schema.data_tables

    def asked(schema: dlt.Schema, *arguments: Any, **options: Any) -> Any:
        asking.append(threading.current_thread())
        return ask(schema, *arguments, **options)

    monkeypatch.setattr(dlt.Schema, "data_tables", asked)
    pipeline.run(source(today))

    assert set(asking) == {threading.current_thread()}


def test_the_tables_have_the_documented_columns_and_keys(
    today: Sandbox, pipeline: dlt.Pipeline
) -> None:
    """One row per id, in the order in which people read the columns."""
    pipeline.run(source(today))

    for channel in CHANNELS.values():
        table = pipeline.default_schema.get_table(channel.table)
        assert list(table["columns"]) == operations_table(channel).schema.names
        assert [name for name, c in table["columns"].items() if c.get("primary_key")] == ["id"]
        assert table["write_disposition"] == "merge"
        assert not table["columns"]["created_at"]["nullable"]


@pytest.mark.parametrize("how", ["end_date", "end_value"])
def test_an_explicit_end_reads_exactly_that_range_and_leaves_no_state(
    today: Sandbox, pipeline: dlt.Pipeline, how: str
) -> None:
    """A backfill: start included, end not, whatever the cursor says."""
    sandbox, now = today, today.clock.now()
    start, end = now - timedelta(days=3), now - timedelta(days=1, minutes=7)
    if how == "end_date":
        built = source(sandbox, start_date=start.isoformat(), end_date=end)
    else:
        built = source(sandbox)
        for operations in (channel.table for channel in CHANNELS.values()):
            built.resources[operations].apply_hints(
                incremental=dlt.sources.incremental(
                    "created_at", initial_value=start, end_value=end
                )
            )

    pipeline.run(built)

    for channel in CHANNELS:
        in_range = {
            row["id"]
            for row in sandbox.truth(channel)
            if start <= parse_instant(row["createdAt"]) < end
        }
        assert in_range
        assert stored(channel).keys() == in_range
    assert "comms_source" not in pipeline.state.get("sources", {}) or not any(
        "incremental" in resource
        for resource in pipeline.state["sources"]["comms_source"].get("resources", {}).values()
    )


@pytest.mark.parametrize("name", sample_names())
def test_documented_payloads_arrive_in_the_warehouse_value_for_value(
    name: str, pipeline: dlt.Pipeline
) -> None:
    """From a server that serves nothing else, through every layer, into typed columns."""
    channel = CHANNEL_OF[name.split("_", maxsplit=1)[0]]
    now = datetime.now(UTC).replace(microsecond=0)
    with Sandbox(SandboxSettings(samples=(name,)), Clock(now)) as sandbox:
        pipeline.run(source(sandbox, start_date="2024-01-01", end_date="2026-11-20"))

    assert stored(channel) == {
        row["id"]: (
            "default",
            row["status"],
            parse_instant(row["createdAt"]),
            parse_instant(row["updatedAt"]),
            *(row["stats"].get(counter) for counter in CHANNELS[channel].counters),
            None,
        )
        for row in operations_in(name)
    }


def test_a_backfill_beside_the_incremental_run_disturbs_nothing(
    today: Sandbox, pipeline: dlt.Pipeline
) -> None:
    """Cursors stay where they were."""
    pipeline.run(source(today))
    before = cursor_of(pipeline, "email_operations")
    now = today.clock.now()

    pipeline.run(
        source(today, start_date=now - timedelta(days=2), end_date=now - timedelta(days=1))
    )

    assert cursor_of(pipeline, "email_operations") == before
    assert stored("emails") == true(today, "emails")


def test_a_failure_raises_and_loads_nothing_unless_told_otherwise(
    today: Sandbox, pipeline: dlt.Pipeline
) -> None:
    """`on_error="raise"` is the default; the error names channel and range."""
    today.faults.replace([Fault(kind="internal_error", channel="emails", first=2)])
    with pytest.raises(PipelineStepFailed) as caught:
        pipeline.run(source(today))

    error: BaseException | None = caught.value
    while not isinstance(error, ServerFault):
        assert error is not None
        error = error.__cause__
    assert str(error).startswith("emails [")
    assert not pipeline.has_pending_data
    assert not Path("twilio_comms.duckdb").exists() or pipeline.first_run


def test_told_to_continue_a_run_loads_the_rest(today: Sandbox, pipeline: dlt.Pipeline) -> None:
    """The other channels are complete."""
    today.faults.replace([Fault(kind="internal_error", channel="emails")])

    pipeline.run(source(today, on_error="continue"))

    assert stored("messages") == true(today, "messages")
    assert stored("emails") == {}


def test_a_resource_can_be_read_without_a_pipeline(today: Sandbox) -> None:
    """As Arrow tables of one kind."""
    tables = list(source(today).message_operations)

    assert {type(table) for table in tables} == {pa.Table}
    rows = sum(table.num_rows for table in tables)
    assert rows == len(today.truth("messages"))


def test_settings_come_from_the_environment_and_from_config_toml(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the section sources.comms_source; the environment comes first."""
    Path(".dlt").mkdir()
    Path(".dlt/config.toml").write_text(
        "[sources.comms_source]\nconcurrency = 3\npage_size = 77\nwindow = '2 hours'\n"
        "channels = ['emails']\n"
    )
    Path(".dlt/secrets.toml").write_text(
        "[sources.comms_source.credentials]\napi_key = 'SK1'\napi_key_secret = 'hidden'\n"
    )
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__PAGE_SIZE", "88")
    # dlt reads its files once in the life of a process.
    show = "from comms_source.config.resolve import resolve_settings as r; s = r(); print(s.concurrency, s.page_size, s.window, *s.channels, s.credentials.user, s.credentials.password)"  # noqa: E501

    shown = subprocess.run(
        [sys.executable, "-c", show], capture_output=True, text=True, check=True, timeout=60
    )

    assert shown.stdout.split() == ["3", "88", "2:00:00", "emails", "SK1", "hidden"]


@pytest.mark.parametrize(
    ("environment", "user"),
    [
        ({"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "x"}, "AC1"),
        ({"TWILIO_API_KEY": "SK1", "TWILIO_API_KEY_SECRET": "x"}, "SK1"),
        (
            {
                "TWILIO_ACCOUNT_SID": "AC1",
                "TWILIO_AUTH_TOKEN": "x",
                "TWILIO_API_KEY": "SK1",
                "TWILIO_API_KEY_SECRET": "x",
            },
            "SK1",
        ),
        (
            {
                "SOURCES__COMMS_SOURCE__CREDENTIALS__ACCOUNT_ID": "AC2",
                "SOURCES__COMMS_SOURCE__CREDENTIALS__AUTH_TOKEN": "x",
                "TWILIO_API_KEY": "SK1",
                "TWILIO_API_KEY_SECRET": "x",
            },
            "AC2",
        ),
    ],
)
def test_credentials_come_from_dlt_first_and_then_from_twilios_variables(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], user: str
) -> None:
    """An API key goes before an account's token in either place."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert resolve_settings().credentials.user == user


def test_half_a_pair_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message tells what was found and what to set, and shows no value."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC-value")
    with pytest.raises(ConfigurationError, match="found only TWILIO_ACCOUNT_SID") as caught:
        resolve_settings()

    assert "AC-value" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"retention": "a while"}, "retention"),
        ({"start_date": "someday"}, "start_date"),
        ({"on_error": "ignore"}, "on_error"),
        ({"page_size": 0}, "page_size"),
    ],
)
def test_a_bad_argument_is_refused_when_the_source_is_built(
    sandbox: Sandbox, changes: dict[str, Any], setting: str
) -> None:
    """Not in the middle of a run."""
    with pytest.raises(ConfigurationError, match=f"^{setting}: "):
        source(sandbox, **changes)


@pytest.mark.parametrize("end", ["2026-11-18", "2026-11-19"])
def test_a_range_that_holds_no_time_is_refused(sandbox: Sandbox, end: str) -> None:
    """Its end must come after its start."""
    with pytest.raises(ConfigurationError, match="does not come before the end"):
        source(sandbox, start_date="2026-11-19", end_date=end)


def test_a_source_that_is_built_early_reads_up_to_when_it_runs(
    today: Sandbox, pipeline: dlt.Pipeline
) -> None:
    """A scheduler may build it long before; and each run has a now of its own."""
    built = source(today)
    before = datetime.now(UTC).replace(microsecond=0)
    pipeline.run(built)

    assert cursor_of(pipeline, "email_operations") >= before


def test_an_end_without_a_start_is_refused(sandbox: Sandbox) -> None:
    """Nothing says where such a range would begin."""
    with pytest.raises(ConfigurationError, match=r"^start_date: an end_date needs it"):
        source(sandbox, end_date="2026-11-19")
