"""What `comms sandbox` refuses before it serves."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from comms_source.cli.app import app
from comms_source.sandbox import Fault, SandboxModel

MAIN = [sys.executable, "-c", "from comms_source.cli import main; main()"]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[SandboxModel, dict[str, Any]]]:
    """The sandboxes that would be served, and where."""
    models: list[tuple[SandboxModel, dict[str, Any]]] = []
    monkeypatch.setattr(
        "comms_source.sandbox.serve", lambda model, **where: models.append((model, where))
    )
    return models


def sandbox(*arguments: str) -> tuple[int, str, str]:
    """The exit code of a sandbox in this process, and what it printed."""
    done = CliRunner().invoke(app, ["sandbox", "--operations", "1", *arguments])
    return done.exit_code, done.stdout, done.stderr


def test_a_taken_port_is_one_sentence() -> None:
    """Exit code 1, and nothing claims to be served."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*MAIN, "sandbox", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"comms: RunStopped: port {port} cannot be used (Address already in use); choose another "
        "one with --port, or stop the program that uses it\n"
    )


def test_port_0_is_any_free_port_and_its_address_is_printed() -> None:
    """The address works."""
    with subprocess.Popen(
        [*MAIN, "sandbox", "--port", "0", "--operations", "1"], stdout=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdout is not None
        address = re.search(r"http://127.0.0.1:(\d+)/v1", serving.stdout.readline())
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=20)

    assert address
    assert int(address[1]) > 0


@pytest.mark.parametrize("port", ["99999", "-1", "x"])
def test_a_port_that_cannot_be_is_wrong_usage(port: str) -> None:
    """Exit code 2, and no traceback."""
    code, _, said = sandbox("--port", port)

    assert code == 2
    assert "Invalid value for '--port'" in said


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("[[fault]]\nkind = 'reset'", "each below [[faults]]; there is nothing called fault; did"),
        ("seed = 1\n[[faults]]\nkind = 'reset'", "there is nothing called seed\n"),
        ("[[faults]]\nkind = 'reset'\nchanel = 'emails'", "has no chanel; did you mean channel?"),
        ("[[faults]]\nkind = 'reset'\nzzz = 1", "faults: a fault has no zzz\n"),
        ("[[troubles]]", "faults: expected a list of faults, each below [[faults]]\n"),
        ("faults = [1]", "faults: expected a list of faults"),
        ("faults = 1", "faults: expected a list of faults"),
    ],
)
def test_a_name_that_would_be_ignored_is_refused(text: str, reported: str) -> None:
    """With the name that was probably meant; exit code 2, one line."""
    Path("faults.toml").write_text(text, encoding="utf-8")
    code, _, said = sandbox("--faults", "faults.toml")

    assert code == 2
    assert reported in said
    assert len(said.splitlines()) == 1


def test_one_file_can_hold_faults_and_troubles(
    served: list[tuple[SandboxModel, dict[str, Any]]],
) -> None:
    """Each option reads its own; an empty file holds none."""
    trouble = "[[troubles]]\nkind = 'no_receipts'\nstart = 2026-11-01\nend = 2026-11-02\n"
    Path("both.toml").write_text(f"[[faults]]\nkind = 'reset'\n{trouble}", encoding="utf-8")
    Path("empty.toml").touch()

    assert sandbox("--faults", "both.toml", "--troubles", "both.toml")[0] == 0
    assert sandbox("--faults", "empty.toml")[0] == 0
    assert [len(model.settings.troubles) for model, _ in served] == [1, 0]
    assert [model.settings.faults for model, _ in served] == [(Fault(kind="reset"),), ()]


def test_the_clock_can_be_stopped_at_a_date_in_words(
    served: list[tuple[SandboxModel, dict[str, Any]]],
) -> None:
    """And what is taken as UTC is reported."""
    assert sandbox("--now", "2026-11-25T10:00+01:00")[2] == ""
    assert sandbox("--now", "2026-11-25T10:00")[2] == (
        "comms: it is 2026-11-25T10:00:00Z; a date or time without a time zone is taken as UTC\n"
    )
    assert [model.clock.now() for model, _ in served] == [
        datetime(2026, 11, 25, 9, tzinfo=UTC),
        datetime(2026, 11, 25, 10, tzinfo=UTC),
    ]
    code, _, said = sandbox("--now", "someday")
    assert code == 2
    assert "now: 'someday' is not a date or time; write yesterday" in said


def test_a_length_of_time_that_is_too_large_is_one_sentence() -> None:
    """More days than there are."""
    code, _, said = sandbox("--retention-days", "1e12")

    assert code == 2
    assert said.endswith("retention_days, visibility_lag or latency is too large\n")
