"""What a command prints never changes what it did, nor its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from comms_source.cli.streams import plain_characters
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox
from tests.support import last_second

COMMS = f"{sys.executable} -c 'from comms_source.cli import main; main()'"


@pytest.fixture
def environment(sandbox: Sandbox) -> Mapping[str, str]:
    """The environment of a process that loads from the sandbox at the real time."""
    sandbox.clock.set(last_second())
    return os.environ | {
        "SOURCES__COMMS_SOURCE__BASE_URL": sandbox.url,
        "TWILIO_ACCOUNT_SID": ACCOUNT_ID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    }


def shell(command: str, environment: Mapping[str, str], **more: Any) -> Any:
    """Run a command line in bash."""
    bash = ["bash", "-c", command]
    return subprocess.run(
        bash, env=environment, capture_output=True, timeout=60, check=False, **more
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirected", "reported"),
    [
        ("| head -c 1; exit ${PIPESTATUS[0]}", b""),
        (">&-", b""),
        ("> /dev/full", b"comms: the output could not be written (No space left on device)\n"),
    ],
)
def test_a_load_ends_as_it_went_where_its_output_cannot_be_written(
    redirected: str, reported: bytes, environment: Mapping[str, str]
) -> None:
    """Exit code 0 after a complete load, with one line at the most, and no traceback."""
    done = shell(f"{COMMS} load {redirected}", environment)

    assert (done.returncode, done.stderr) == (0, reported)
    assert b'"outcome": "complete"' in shell(f"{COMMS} status --json", environment).stdout


@pytest.mark.slow
def test_a_report_can_be_printed_in_every_encoding(environment: Mapping[str, str]) -> None:
    """What an encoding lacks is printed as the nearest character that it has."""
    assert shell(f"{COMMS} load", environment).returncode == 0

    for encoding, dash in (("ascii", "-"), ("latin-1", "-"), ("utf-8", "\N{EN DASH}")):
        done = shell(f"{COMMS} report", {**environment, "PYTHONIOENCODING": encoding})
        assert (done.returncode, done.stderr) == (0, b"")
        assert dash in done.stdout.decode(encoding)
        assert "?" not in done.stdout.decode(encoding)


def test_characters_without_a_likeness_become_question_marks() -> None:
    """Names of accounts may be in any script."""
    lacking = UnicodeEncodeError("ascii", "9\N{EN DASH}5 \N{SNOWMAN}", 1, 2, "why")
    assert plain_characters(lacking) == ("-", 2)
    lacking.start, lacking.end = 4, 5
    assert plain_characters(lacking) == ("?", 5)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_only_serves_has_nothing_to_lose(number: signal.Signals, code: int) -> None:
    """The sandbox says that it was interrupted, and the exit code is the shell's."""
    command = [sys.executable, "-c", "from comms_source.cli import main; main()", "sandbox"]
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdout is not None
        assert "Serving on" in serving.stdout.readline()
        serving.send_signal(number)
        said = serving.communicate(timeout=20)[1]

    assert (serving.returncode, said) == (code, "comms: interrupted\n")
