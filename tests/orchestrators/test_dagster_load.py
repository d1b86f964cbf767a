"""`pipelines/dagster_load.py` run by Dagster, against a sandbox on a real socket."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest

from comms_source.channels import CHANNELS
from comms_source.sandbox import Fault, Sandbox
from comms_source.views.files import public_views
from tests.orchestrators.programs import PIPELINES, PROGRAMS, SKIPPED, environment, run
from tests.support import FILE, stored, true

if not PROGRAMS.exists():
    pytest.skip(SKIPPED, allow_module_level=True)

JOB = ("dagster", "job", "execute", "-f", "dagster_load.py", "-j", "comms_load")
REASON = "emails: not open to these credentials (403"


@pytest.fixture
def env(today: Sandbox) -> dict[str, str]:
    """Dagster's home in this folder, with the definitions unchanged."""
    shutil.copy(PIPELINES / "dagster_load.py", ".")
    shutil.copytree(PIPELINES.parent / ".dlt", ".dlt")
    Path("dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    return environment({"": today}) | {"DAGSTER_HOME": str(Path.cwd())}


def test_dagster_loads_and_marks_a_channel_that_failed(env: dict[str, str], today: Sandbox) -> None:
    """All else is loaded, and the run fails with the reason; the next run reads what is missing."""
    today.faults.replace([Fault(kind="forbidden", channel="emails")])

    failed = run(JOB, env=env)

    assert failed.returncode == 1, failed.stdout
    assert checks(failed.stdout) == {
        "messages": "passed",
        "emails": "did not pass",
        "push_notifications": "passed",
    }
    (marked,) = [line for line in failed.stdout.splitlines() if "did not pass" in line]
    assert f"Description: '{REASON}" in marked
    assert "Steps failed: ['checks']" in failed.stdout
    assert f"dagster._core.definitions.events.Failure: {REASON}" in failed.stdout
    for channel in CHANNELS:
        assert stored(channel) == ({} if channel == "emails" else true(today, channel))
    assert views() >= {view.name for view in public_views()}

    today.faults.replace([])
    before = len(today.requests)
    mended = run(JOB, env=env)

    assert mended.returncode == 0, mended.stdout
    assert checks(mended.stdout) == dict.fromkeys(CHANNELS, "passed")
    assert "Materialized value comms email_operations" in mended.stdout
    assert "Materialized value comms views" in mended.stdout
    assert all(stored(channel) == true(today, channel) for channel in CHANNELS)
    assert len(today.requests) - before < 10  # a week of emails, and what is due of the others


def checks(output: str) -> dict[str, str]:
    """What became of the check of each channel."""
    found = re.findall(r"Asset check '(\w+)_read' on '\S+' (passed|did not pass)", output)
    return dict(found)


def views() -> set[str]:
    """The views in the file."""
    with duckdb.connect(FILE, read_only=True) as connection:
        rows = connection.execute("select view_name from duckdb_views() where not internal")
        return {name for (name,) in rows.fetchall()}
