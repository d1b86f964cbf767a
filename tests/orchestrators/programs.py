"""Runs a program of the orchestrators' environment in this folder, which is a project."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox

ENVIRONMENT: Final = os.environ.get("ORCHESTRATORS_ENVIRONMENT")
PROGRAMS: Final = Path(ENVIRONMENT or "nowhere").absolute() / "bin"
MAX: Final = 300.0
"""Seconds within which a program must end; two seconds of them are work."""
PIPELINES: Final = Path(__file__).parents[2] / "pipelines"
NO_NETWORK: Final = Path(__file__).with_name("no_network")
SKIPPED: Final = "orchestrators are tested in an environment of their own: make orchestrators"


def environment(sandboxes: dict[str, Sandbox]) -> dict[str, str]:
    """The settings that read the sandboxes: one without a name, or each as the account of its name.

    Nothing here turns telemetry off but what docs/orchestrators.md says.
    """
    here = Path.cwd()
    found = {
        "PATH": f"{PROGRAMS}:/usr/bin:/bin",
        "PYTHONPATH": str(NO_NETWORK),
        "REFUSED_SOCKETS": str(here / "refused.txt"),
        "HOME": str(here),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "DLT_DATA_DIR": str(here / "dlt-data"),
    }
    source = "SOURCES__COMMS_SOURCE__"
    if set(sandboxes) != {""}:
        found[f"{source}ACCOUNTS"] = str(list(sandboxes)).replace("'", '"')
    for name, sandbox in sandboxes.items():
        section = f"{source}ACCOUNTS__{name.upper()}__" if name else source
        found[f"{section}BASE_URL"] = sandbox.url
        found[f"{section}CREDENTIALS__ACCOUNT_ID"] = ACCOUNT_ID
        found[f"{section}CREDENTIALS__AUTH_TOKEN"] = AUTH_TOKEN
    return found


def run(command: Sequence[str], *, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; it must reach no other machine, and print no secret."""
    done = subprocess.run(
        [str(PROGRAMS / command[0]), *command[1:]],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MAX,
        check=False,
    )
    assert AUTH_TOKEN not in done.stdout
    assert_no_network(env)
    return done


def assert_no_network(env: dict[str, str]) -> None:
    """Check that no program asked for another machine."""
    refused = Path(env["REFUSED_SOCKETS"])
    assert not refused.exists(), refused.read_text(encoding="utf-8")


@contextmanager
def running(command: Sequence[str], *, env: dict[str, str], log: Path) -> Iterator[None]:
    """A program that is stopped after the block; its output is in `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(PROGRAMS / command[0]), *command[1:]], env=env, stdout=output, stderr=output
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)
