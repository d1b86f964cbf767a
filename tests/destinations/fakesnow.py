"""Fakesnow's server for tests, in a process and an environment of its own.

The environment is in the folder that FAKESNOW_ENVIRONMENT names; `make fakesnow` makes both.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.postgres import MAX_WAIT, free_port

ENVIRONMENT: Final = os.environ.get("FAKESNOW_ENVIRONMENT")
"""The folder of fakesnow's environment; None if it is not to be run."""
DATABASE: Final = "ANALYTICS"

_ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Fakesnow:
    """A running server, for programs on this machine only; it takes any user and password."""

    port: int

    @property
    def url(self) -> str:
        """The URL of its database for dlt, which passes the query on to Snowflake's connector."""
        place = f"protocol=http&host=127.0.0.1&port={self.port}"
        return f"snowflake://anyone:any@fakesnow/{DATABASE}?{place}"


@contextmanager
def running_fakesnow(folder: Path) -> Iterator[Fakesnow]:
    """Start a server with empty databases, and stop it at the end; its log is in `folder`."""
    assert ENVIRONMENT
    python = _ROOT / ENVIRONMENT / "bin/python"
    port, log = free_port(), folder / "fakesnow.log"
    command = [str(python), "-m", "tests.destinations.fakesnow_shims", str(port)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=_ROOT, stdout=file, stderr=file)
    try:
        _await(port, process, log=log)
        yield Fakesnow(port)
    finally:
        process.kill()
        process.wait(MAX_WAIT)


def _await(port: int, process: subprocess.Popen[bytes], *, log: Path) -> None:
    until = time.monotonic() + MAX_WAIT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=MAX_WAIT).close()
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text(encoding="utf-8")) from None
            time.sleep(0.05)
        else:
            return
