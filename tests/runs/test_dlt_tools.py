"""dlt's own commands and its dataset find the pipeline that `comms load` made."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import dlt
import pytest
from typer.testing import CliRunner

from comms_source import Status, status
from comms_source.channels import CHANNELS
from comms_source.cli.app import app
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox

pytestmark = pytest.mark.slow


@pytest.fixture
def loaded(today: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Status:
    """A load by the command; the status after it."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__BASE_URL", today.url)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    assert CliRunner().invoke(app, ["load"]).exit_code == 0
    return status()


def dlt_command(verb: str, *options: str) -> str:
    """What dlt's command prints: the line that `comms status` shows, with another verb."""
    shown = CliRunner().invoke(app, ["status"]).output
    (line,) = [line for line in shown.splitlines() if line.startswith("dlt pipeline ")]
    program, *arguments, last = shlex.split(line)
    assert last == "info"
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *options, *arguments, verb],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_info_trace_and_schema_show_the_load(loaded: Status, today: Sandbox) -> None:
    """By the command that `comms status` prints, in the folder of the project."""
    assert f"pipeline_name: {loaded.pipeline}\n" in (info := dlt_command("info"))
    assert "dataset_name: comms\n" in info
    trace = dlt_command("trace")
    for channel in CHANNELS.values():
        assert f"{channel.table} with 1 table(s)" in info
        assert f"- {channel.table}: {len(today.truth(channel.name))} row(s)" in trace
    assert "Step load COMPLETED" in trace
    assert AUTH_TOKEN not in info + trace
    schema = dlt_command("schema")
    assert "name: comms_source\n" in schema
    assert "  followed_operations:\n" in schema


def test_sync_restores_the_pipeline_from_the_destination(loaded: Status, today: Sandbox) -> None:
    """As on another machine, which has no working folder; the next load reads only what is due."""
    shutil.rmtree(Path(loaded.pipelines_dir) / loaded.pipeline)

    assert "Restoring from destination" in dlt_command("sync", "--yes")

    assert "email_operations with 1 table(s) and 4 resource state slot(s)" in dlt_command("info")
    before = len(today.requests)
    assert CliRunner().invoke(app, ["load"]).exit_code == 0
    assert len(today.requests) - before == len(CHANNELS)


@pytest.mark.usefixtures("views")
def test_the_dataset_reads_tables_by_name_and_views_by_sql(loaded: Status, today: Sandbox) -> None:
    """Tables are known from the loads; a query of a view must be sent as it is."""
    pipeline = dlt.attach(loaded.pipeline, pipelines_dir=loaded.pipelines_dir)
    dataset = pipeline.dataset()
    emails = len(today.truth("emails"))

    assert len(dataset["email_operations"].fetchall()) == emails
    query = "select sum(operations) from comms.daily_delivery where channel = 'emails'"
    assert dataset(query, _execute_raw_query=True).fetchall() == [(emails,)]
    with pipeline.sql_client() as client:
        assert client.execute_sql(query) == [(emails,)]
    with pytest.raises(KeyError, match="daily_delivery"):
        dataset["daily_delivery"]
