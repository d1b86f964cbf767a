"""The source as a library: what dlt gets from it."""

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
from comms_source.extract.channel_run import ChannelRun
from comms_source.extract.parallel_scans import PageLimit
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
from tests.support import last_second, session_for, stored, true

CREDENTIALS = {"account_id": ACCOUNT_ID, "auth_token": AUTH_TOKEN}


def source(sandbox: Sandbox, **changes: Any) -> DltSource:
    """The public source, reading a sandbox; by default a range around its stopped clock."""
    given = {"credentials": CREDENTIALS, "base_url": sandbox.url, "page_size": 50, **changes}
    return comms_source.comms_source(**given)


@pytest.fixture
def pipeline(tmp_path: Path) -> dlt.Pipeline:
    """A pipeline as a user creates it, into this folder's DuckDB file."""
    return dlt.pipeline(
        "twilio_comms", destination="duckdb", dataset_name="comms", pipelines_dir=str(tmp_path)
    )


def cursor_of(pipeline: dlt.Pipeline, table: str) -> Any:
    """The cursor of a resource in dlt's state."""
    resources = pipeline.state["sources"]["comms_source"]["resources"]
    return resources[table]["incremental"]["created_at"]["last_value"]


def test_building_the_source_sends_no_request(sandbox: Sandbox) -> None:
    """The names of resources are available without a connection."""
    built = source(sandbox)

    tables = [
        name for channel in CHANNELS.values() for name in (channel.table, channel.history_table)
    ]
    assert list(built.selected_resources) == [*tables, *(spec.name for spec in BOOKKEEPING)]
    assert not sandbox.requests


@pytest.mark.slow
def test_a_plain_pipeline_run_fills_every_table(today: Sandbox, pipeline: dlt.Pipeline) -> None:
    """Two lines are enough, and the cursor shows up to which time the tables are filled."""
    before = datetime.now(UTC).replace(microsecond=0)
    pipeline.run(source(today))

    for channel in CHANNELS.values():
        assert stored(channel.name) == true(today, channel.name)
        assert before <= cursor_of(pipeline, channel.table) <= datetime.now(UTC)


@pytest.mark.slow
def test_the_schema_is_not_read_while_it_may_change(
    today: Sandbox, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channels are read in threads, while dlt's own thread adds tables and columns."""
    asking = []
    ask = dlt.Schema.data_tables

    def asked(schema: dlt.Schema, *arguments: Any, **options: Any) -> Any:
        asking.append(threading.current_thread())
        return ask(schema, *arguments, **options)

    monkeypatch.setattr(dlt.Schema, "data_tables", asked)
    pipeline.run(source(today))

    assert set(asking) == {threading.current_thread()}


@pytest.mark.slow
def test_the_tables_have_the_documented_columns_and_keys(
    today: Sandbox, pipeline: dlt.Pipeline
) -> None:
    """One row per id, with the columns in the documented order."""
    pipeline.run(source(today))

    for channel in CHANNELS.values():
        table = pipeline.default_schema.get_table(channel.table)
        assert list(table["columns"]) == operations_table(channel).schema.names
        assert [name for name, c in table["columns"].items() if c.get("primary_key")] == ["id"]
        assert table["write_disposition"] == "merge"
        assert not table["columns"]["created_at"]["nullable"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["end_date", "end_value"])
def test_a_backfill_reads_exactly_its_range_and_leaves_no_state(
    today: Sandbox, pipeline: dlt.Pipeline, how: str
) -> None:
    """The start is included, the end is not, regardless of the cursor."""
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


@pytest.mark.slow
@pytest.mark.parametrize("name", sample_names())
def test_documented_payloads_are_loaded_exactly(name: str, pipeline: dlt.Pipeline) -> None:
    """Through every layer into typed columns, from a server that serves nothing else."""
    channel = CHANNEL_OF[name.split("_", maxsplit=1)[0]]
    now = last_second()
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


@pytest.mark.slow
def test_a_backfill_does_not_affect_incremental_runs(
    today: Sandbox, pipeline: dlt.Pipeline
) -> None:
    """The cursors do not move."""
    pipeline.run(source(today))
    before = cursor_of(pipeline, "email_operations")
    now = today.clock.now()

    pipeline.run(
        source(today, start_date=now - timedelta(days=2), end_date=now - timedelta(days=1))
    )

    assert cursor_of(pipeline, "email_operations") == before
    assert stored("emails") == true(today, "emails")


def test_by_default_a_failure_raises_and_loads_nothing(
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


def test_a_failure_of_one_channel_is_not_reported_as_one_of_another(sandbox: Sandbox) -> None:
    """It stops the requests of all channels, which raise it as it is."""
    session = session_for(sandbox)
    of_emails = ServerFault("emails [2026-11-20, 2026-11-21): the API failed twice")
    run = ChannelRun(channel=CHANNELS["messages"], session=session, on_error="raise")
    run.open({})
    with session.connected() as client:
        client.stop(of_emails)
        with pytest.raises(ServerFault) as raised:
            list(run.scan(PageLimit()))

    assert raised.value is of_emails
    assert session.stats.channels["messages"].failures == []


@pytest.mark.slow
def test_on_error_continue_loads_the_rest(today: Sandbox, pipeline: dlt.Pipeline) -> None:
    """The other channels are complete."""
    today.faults.replace([Fault(kind="internal_error", channel="emails")])

    pipeline.run(source(today, on_error="continue"))

    assert stored("messages") == true(today, "messages")
    assert stored("emails") == {}


def test_a_resource_can_be_read_without_a_pipeline(today: Sandbox) -> None:
    """As Arrow tables with one schema."""
    tables = list(source(today).message_operations)

    assert {type(table) for table in tables} == {pa.Table}
    rows = sum(table.num_rows for table in tables)
    assert rows == len(today.truth("messages"))


def test_settings_come_from_the_environment_and_from_config_toml(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the section sources.comms_source; the environment takes precedence."""
    Path(".dlt").mkdir()
    Path(".dlt/config.toml").write_text(
        "[sources.comms_source]\nconcurrency = 3\npage_size = 77\nwindow = '2 hours'\n"
        "channels = ['emails']\n",
        encoding="utf-8",
    )
    Path(".dlt/secrets.toml").write_text(
        "[sources.comms_source.credentials]\napi_key = 'SK1'\napi_key_secret = 'hidden'\n",
        encoding="utf-8",
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
def test_dlts_credentials_take_precedence_over_twilios_variables(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], user: str
) -> None:
    """In each of them, an API key takes precedence over an auth token."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert resolve_settings().credentials.user == user


def test_incomplete_credentials_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what was found and what to set, without values."""
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
def test_an_invalid_argument_is_refused_when_the_source_is_built(
    sandbox: Sandbox, changes: dict[str, Any], setting: str
) -> None:
    """Not during a run."""
    with pytest.raises(ConfigurationError, match=f"^{setting}: "):
        source(sandbox, **changes)


@pytest.mark.parametrize("end", ["2026-11-18", "2026-11-19"])
def test_an_empty_range_is_refused(sandbox: Sandbox, end: str) -> None:
    """Its end must be after its start."""
    with pytest.raises(ConfigurationError, match="does not come before the end"):
        source(sandbox, start_date="2026-11-19", end_date=end)


@pytest.mark.slow
def test_a_source_reads_up_to_the_time_of_its_run(today: Sandbox, pipeline: dlt.Pipeline) -> None:
    """A scheduler may build it long before, and each run has its own time."""
    built = source(today)
    before = datetime.now(UTC).replace(microsecond=0)
    pipeline.run(built)

    assert cursor_of(pipeline, "email_operations") >= before


def test_an_end_without_a_start_is_refused(sandbox: Sandbox) -> None:
    """The start of such a range is not defined."""
    with pytest.raises(ConfigurationError, match=r"^start_date: an end_date needs it"):
        source(sandbox, end_date="2026-11-19")


@pytest.mark.slow
def test_the_example_of_the_package_works(today: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands in the docstring, with credentials and address from the environment."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__BASE_URL", today.url)
    assert comms_source.__doc__
    example = comms_source.__doc__.split("\n\n", maxsplit=1)[1].split("The functions")[0]

    exec(compile(example, "example", "exec"), {})

    assert all(stored(channel) == true(today, channel) for channel in CHANNELS)
