"""The scripts in `pipelines/` that users copy: each works unchanged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from comms_source.channels import CHANNELS
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox
from tests.postgres import Postgres
from tests.support import stored, true

PIPELINES = Path(__file__).parents[2] / "pipelines"


def script(name: str, sandbox: Sandbox, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a script in this folder, with the environment that it needs."""
    environment = os.environ | {
        "SOURCES__COMMS_SOURCE__BASE_URL": sandbox.url,
        "TWILIO_ACCOUNT_SID": ACCOUNT_ID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        **more,
    }
    command = [sys.executable, str(PIPELINES / name)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
def test_the_script_for_cron_loads_and_alerts(today: Sandbox) -> None:
    """Exit code 0 and no output; or 1 with a line that names the account, if a key is refused."""
    done = script("load_and_alert.py", today)

    assert (done.returncode, done.stderr) == (0, "")
    assert "account default\nmessages" in done.stdout
    assert all(stored(channel) == true(today, channel) for channel in CHANNELS)

    refused = script("load_and_alert.py", today, TWILIO_AUTH_TOKEN="wrong")
    assert refused.returncode == 1
    assert refused.stderr.startswith("ALERT default: CredentialsRefused: ")


@pytest.mark.slow
def test_the_script_for_a_warehouse_loads_and_creates_the_views(
    postgres: Postgres, today: Sandbox
) -> None:
    """Into PostgreSQL, unchanged."""
    url = postgres.make_database("warehouse_script")

    done = script("load_to_warehouse.py", today, DESTINATION__POSTGRES__CREDENTIALS=url)

    assert done.returncode == 0, done.stderr
    with postgres.connect("warehouse_script") as cursor:
        cursor.execute("select channel, count(*) from comms.operations group by channel")
        assert dict(cursor.fetchall()) == {name: len(today.truth(name)) for name in CHANNELS}
