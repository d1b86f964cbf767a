"""What the programs of the orchestrators may reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from comms_source.sandbox import Sandbox
from tests.orchestrators.programs import PROGRAMS, SKIPPED, environment, run

if not PROGRAMS.exists():
    pytest.skip(SKIPPED, allow_module_level=True)

CONNECT = "import socket; socket.create_connection(({!r}, {}), timeout=5).close()"


def test_programs_reach_this_machine_only(sandbox: Sandbox) -> None:
    """A connection to another machine is refused, and the test that ran the program fails."""
    env = environment({"": sandbox})
    port = int(sandbox.url.split(":")[2].split("/")[0])

    assert run(("python", "-c", CONNECT.format("127.0.0.1", port)), env=env).returncode == 0
    with pytest.raises(AssertionError, match=r"192\.0\.2\.1"):
        run(("python", "-c", CONNECT.format("192.0.2.1", 80)), env=env)
    assert Path("refused.txt").exists()
