"""A large load: bounded memory and no warnings."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, Sandbox, SandboxSettings
from tests.support import NOW, stored

LOAD = """
import json, resource, sys, warnings
from datetime import datetime
from pathlib import Path
warnings.simplefilter("error")
from comms_source.commands.load import run_load
from comms_source.extract.session import Session
from comms_source.config.credentials import BasicCredentials
from comms_source.config.settings import Settings
from comms_source.destinations.pipeline import open_pipeline
url, user, password, now = sys.argv[1:]
settings = Settings(credentials=BasicCredentials(user, password), base_url=url)
session = Session(settings=settings, clock=lambda: datetime.fromisoformat(now))
summary = run_load(session=session, pipeline=open_pipeline())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
status = Path("/proc/self/status")  # of this program alone; the other includes its parent
if status.exists():
    peak = int(status.read_text().partition("VmHWM:")[2].split()[0])
peak /= 1024
print(json.dumps({"peak": peak, "operations": summary.stats.operations}))
sys.exit(summary.exit_code)
"""
MEGABYTES = 500


@pytest.mark.slow
def test_a_hundred_thousand_operations_load_in_bounded_memory() -> None:
    """One process, peak memory under 500 MB, and nothing on standard error."""
    settings = SandboxSettings(operations_per_week=33_400)
    with Sandbox(settings, Clock(NOW)) as sandbox:
        done = subprocess.run(
            [sys.executable, "-c", LOAD, sandbox.url, ACCOUNT_ID, AUTH_TOKEN, NOW.isoformat()],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
            env=os.environ | {"RUNTIME__LOG_LEVEL": "WARNING"},
        )

    assert (done.returncode, done.stderr) == (0, "")
    measured = json.loads(done.stdout)
    assert measured["operations"] >= 100_000
    assert measured["peak"] < MEGABYTES
    assert (
        len(stored("messages")) + len(stored("emails")) + len(stored("push_notifications"))
        == measured["operations"]
    )
