"""The metrics of a status: their names, their values, and who can read them."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from comms_source.channels import CHANNELS
from comms_source.commands.status import Status, read_status
from comms_source.commands.status_metrics import METRICS, as_metrics
from comms_source.destinations.pipeline import open_pipeline
from comms_source.sandbox import Fault, Sandbox
from tests.cli.metric_samples import FULL, of_channels, samples
from tests.support import NOW, load, settings_for

ROOT: Final = Path(__file__).parents[2]
NAMES: Final = ["comms_status_success", *(metric.name for metric in METRICS)]
PROMTOOL: Final = shutil.which("promtool")
NODE_EXPORTER: Final = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")


def status_of(sandbox: Sandbox, **changes: Any) -> Status:
    """The status of what was loaded from a sandbox, at its time."""
    settings = settings_for(sandbox, **changes)
    return read_status(settings=settings, pipeline=open_pipeline(), now=sandbox.clock.now())


def test_both_text_formats_are_read_to_the_same_values() -> None:
    """As OpenMetrics and as Prometheus' own format, each metric with its type and its meaning."""
    text = as_metrics([FULL])

    new, old = list(parse_openmetrics(text)), list(parse_prometheus(text))
    assert [family.name for family in new] == [family.name for family in old] == NAMES
    assert [family.samples for family in new] == [family.samples for family in old]
    assert {family.type for family in (*new, *old)} == {"gauge"}
    assert all(family.samples and family.documentation.endswith(".") for family in new)
    assert all(sample.timestamp is None for family in new for sample in family.samples)
    assert {sample.labels["account"] for family in new for sample in family.samples} == {
        FULL.account
    }


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_promtool_accepts_names_and_format() -> None:
    """It reads with the parser of node_exporter, and checks the conventions for names."""
    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"],
        input=as_metrics([FULL]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_names_follow_the_conventions() -> None:
    """Base units, no `_total` since nothing is a counter, and no name is there twice."""
    for name in NAMES:
        assert re.fullmatch(r"comms_[a-z]+(_[a-z]+)*", name)
        assert not name.endswith(("_total", "_count", "_minutes", "_hours", "_ms"))
        assert "timestamp" not in name or name.endswith("_timestamp_seconds")
    assert len(set(NAMES)) == len(NAMES)


def test_each_metric_is_documented() -> None:
    """In the page on monitoring, with its labels, and no other metric."""
    page = (ROOT / "docs" / "monitoring.md").read_text()
    rows = re.findall(r"^\| `(comms_[a-z_]+)` \| ([^|]+) \|", page, flags=re.MULTILINE)

    named = {name: tuple(re.findall(r"`([a-z]+)`", labels)) for name, labels in rows}
    metrics = {metric.name: metric.labels for metric in METRICS}
    assert named == {"comms_status_success": ("account",), **metrics}


@pytest.mark.slow
def test_the_values_are_those_of_the_status(sandbox: Sandbox) -> None:
    """Times in seconds since 1970, numbers as they are."""
    load(sandbox)
    status = status_of(sandbox)

    found = samples(as_metrics([status]))

    assert found["comms_status_success", ("default",)] == 1
    assert found["comms_account_info", ("default", "comms", "duckdb", "twilio_comms")] == 1
    assert found["comms_last_run_timestamp_seconds", ("default",)] == NOW.timestamp()
    assert found["comms_last_complete_run_timestamp_seconds", ("default",)] == NOW.timestamp()
    assert found["comms_last_run_outcome", ("default", "complete")] == 1
    assert found["comms_last_run_outcome", ("default", "failed")] == 0
    requests = of_channels(found, "channel_last_run_requests")
    assert sum(requests.values()) == len(sandbox.requests)
    for channel in status.channels:
        key = ("default", channel.channel)
        assert found["comms_operations", key] == len(sandbox.truth(channel.channel))
        assert found["comms_last_read_timestamp_seconds", key] == NOW.timestamp()
        assert found["comms_last_complete_read_timestamp_seconds", key] == NOW.timestamp()
        assert found["comms_deadline_timestamp_seconds", key] == seconds(channel.deadline)
        assert found["comms_freeze_timestamp_seconds", key] == seconds(channel.freezes_at)
        assert found["comms_followed_operations", (*key, "active")] == 0
        assert found["comms_gaps", key] == found["comms_rejected_rows", key] == 0
    assert not [name for name, _ in found if name.startswith("comms_details")]


def seconds(instant: datetime | None) -> float:
    """An instant in seconds since 1970."""
    assert instant is not None
    return instant.timestamp()


@pytest.mark.slow
def test_what_goes_wrong_has_values(sandbox: Sandbox) -> None:
    """A refused channel, rows that cannot be read, and ten days without a run."""
    bad = Fault(kind="row_without_id", channel="messages", rows=10)
    sandbox.faults.replace([bad, Fault(kind="forbidden", channel="emails")])
    load(sandbox)
    first = samples(as_metrics([status_of(sandbox)]))
    sandbox.faults.replace([])
    sandbox.clock.advance(timedelta(days=10))
    load(sandbox)
    status = status_of(sandbox)
    then = samples(as_metrics([status]))

    others = dict.fromkeys(CHANNELS, 0)
    assert of_channels(first, "channel_refused") == others | {"emails": 1}
    assert of_channels(first, "channel_last_run_failures") == others | {"emails": 1}
    rejected = of_channels(first, "rejected_rows")
    assert rejected["messages"] > 0
    assert of_channels(first, "last_complete_read_timestamp_seconds").keys() == (
        CHANNELS.keys() - {"emails"}
    )
    assert first["comms_last_run_outcome", ("default", "incomplete")] == 1
    assert not of_channels(first, "last_complete_run_timestamp_seconds")
    gaps = {each.channel: each.gaps for each in status.channels}
    lost = {name: sum(gap.width.total_seconds() for gap in each) for name, each in gaps.items()}
    assert of_channels(then, "gap_seconds") == lost
    assert min(lost.values()) > timedelta(days=3).total_seconds()
    assert of_channels(then, "gaps") == {name: len(each) for name, each in gaps.items()}
    assert of_channels(then, "channel_refused") == others


@pytest.mark.slow
def test_details_have_values_where_they_are_read(sandbox: Sandbox) -> None:
    """How many were read, are due, and have expired."""
    load(sandbox, details=["tags"], details_requests=50)
    status = status_of(sandbox, details=["tags"])

    found = samples(as_metrics([status]))

    counts = [n for (name, _), n in found.items() if name == "comms_details_operations"]
    assert sum(counts) == 50
    due = {channel.channel: channel.details_waiting for channel in status.channels}
    assert of_channels(found, "details_due_operations") == due
    assert sum(due.values()) > 0
    assert found["comms_details_operations", ("default", "emails", "tags", "expired")] == 0


@pytest.mark.skipif(NODE_EXPORTER is None, reason="node_exporter is not installed")
def test_node_exporter_serves_the_metrics() -> None:
    """From a file in the folder of its textfile collector, all of them, without an error."""
    text = as_metrics([FULL])
    Path("metrics").mkdir()
    Path("metrics/comms.prom").write_text(text, encoding="utf-8")

    with node_exporter(Path("metrics")) as url:
        served = httpx.get(url, trust_env=False).raise_for_status().text

    lines = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse_prometheus(served)
        for sample in family.samples
    }
    assert lines["node_textfile_scrape_error", ()] == 0
    for family in parse_openmetrics(text):
        for sample in family.samples:
            assert lines[sample.name, tuple(sorted(sample.labels.items()))] == sample.value


@contextmanager
def node_exporter(folder: Path) -> Iterator[str]:
    """A node_exporter that reads files from a folder only; the address of its metrics."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [
        *("--collector.disable-defaults", "--collector.textfile"),
        *(f"--collector.textfile.directory={folder}", f"--web.listen-address=127.0.0.1:{port}"),
    ]
    with subprocess.Popen([str(NODE_EXPORTER), *options], stderr=subprocess.DEVNULL) as process:
        try:
            wait_for_port(port)
            yield f"http://127.0.0.1:{port}/metrics"
        finally:
            process.terminate()


def wait_for_port(port: int) -> None:
    """Wait until something listens there, for ten seconds at most."""
    until = time.monotonic() + 10
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < until
        time.sleep(0.05)
