"""What a dead run has read neither blocks the next run nor is lost."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from comms_source.channels import CHANNELS
from comms_source.destinations.pipeline import open_pipeline
from comms_source.dlt_resources.load_packages import operation_resources
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Fault, Sandbox
from tests.support import last_second, load, session_for, stored, true


def die_after_extract(sandbox: Sandbox) -> dlt.Pipeline:
    """Leave the state of a run that dies before it loads."""
    pipeline = open_pipeline()
    resources = operation_resources(session_for(sandbox))
    pipeline.extract(dlt.source(lambda: resources, name="comms_source", section="comms_source")())
    return pipeline


def test_what_a_dead_run_had_read_is_loaded_first(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """And logged; then this run reads and loads its own data. dlt alone would have stopped."""
    die_after_extract(sandbox)
    then = {channel: true(sandbox, channel) for channel in CHANNELS}
    sandbox.clock.advance(timedelta(hours=5))

    with caplog.at_level(logging.WARNING):
        summary = load(sandbox)

    assert "recovered: loaded the data that an interrupted run had already read" in caplog.text
    assert summary.exit_code == 0
    assert summary.stats.operations < sum(len(true(sandbox, channel)) for channel in CHANNELS)
    for channel in CHANNELS:
        now, kept = true(sandbox, channel), stored(channel)
        assert now.keys() | then[channel].keys() == kept.keys()
        assert all(row in (now.get(key), then[channel].get(key)) for key, row in kept.items())


def test_a_broken_pending_package_is_dropped_and_read_again(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not block later runs."""
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "1")
    pipeline = die_after_extract(sandbox)
    pipeline.normalize()
    for parquet in Path(pipeline.working_dir).rglob("new_jobs/*.parquet"):
        parquet.unlink()
        parquet.write_bytes(b"half of a file")
    with pytest.raises(PipelineStepFailed):
        pipeline.load()

    with caplog.at_level(logging.WARNING):
        summary = load(sandbox)

    assert "discarded and read again" in caplog.text
    assert summary.exit_code == 0
    assert not open_pipeline().has_pending_data
    for channel in CHANNELS:
        assert stored(channel) == true(sandbox, channel)


def test_an_interrupted_load_ends_soon(sandbox: Sandbox) -> None:
    """Ctrl-C while the API hangs: the process ends in seconds, and the next load is complete."""
    sandbox.clock.set(last_second())
    sandbox.faults.replace([Fault(kind="hang", first=6, seconds=300)])
    environment = os.environ | {
        "SOURCES__COMMS_SOURCE__BASE_URL": sandbox.url,
        "SOURCES__COMMS_SOURCE__PAGE_SIZE": "20",
        "TWILIO_ACCOUNT_SID": ACCOUNT_ID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    }
    command = [sys.executable, "-c", "from comms_source.cli import main; main()", "load"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as loading:
        waiting = sandbox.wait_for_requests(6, timeout=30)
        loading.send_signal(signal.SIGINT)
        try:
            said = loading.communicate(timeout=20)[1]
        finally:
            loading.kill()

    assert waiting
    assert loading.returncode == 130
    assert b"interrupted" in said
    sandbox.faults.replace([])
    assert load(sandbox).exit_code == 0
    assert stored("emails") == true(sandbox, "emails")
