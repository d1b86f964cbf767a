"""A MariaDB server for tests: created in a folder, started, and deleted.

It needs Debian's package `mariadb-server`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.postgres import MAX_WAIT, free_port, owner_of_servers, start

INSTALL: Final = "mariadb-install-db"
SERVER: Final = "mariadbd"

FAST: Final = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=64M",
)
"""Options that are safe only for a server without valuable data."""


class NoMariaDB(Exception):
    """MariaDB's programs are not installed."""


@dataclass(frozen=True, slots=True)
class MariaDB:
    """A running server, for programs on this machine only; it asks for no password."""

    port: int

    @property
    def url(self) -> str:
        """Its URL for SQLAlchemy, without a database: dlt makes one for each dataset."""
        return f"mysql+pymysql://root:any@127.0.0.1:{self.port}"


@contextmanager
def running_mariadb() -> Iterator[MariaDB]:
    """Start a server, and stop it at the end.

    Raises:
        NoMariaDB: if its programs are not installed.
    """
    install, server = _program(INSTALL), _program(SERVER)
    folder, owner = Path(tempfile.mkdtemp(prefix="mariadb-", dir="/tmp")), owner_of_servers()
    try:
        if owner is not None:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        data, port = f"--datadir={folder / 'data'}", free_port()
        made = [install, "--no-defaults", data, "--skip-test-db"]
        start(made, folder, owner).wait(MAX_WAIT)
        place = (f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 'socket'}")
        command = [server, "--no-defaults", data, *place, "--skip-grant-tables", *FAST]
        process = start(command, folder, owner)
        try:
            _await(port, process, log=folder / "log")
            yield MariaDB(port)
        finally:
            process.kill()
            process.wait(MAX_WAIT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        raise NoMariaDB(f"{name} is not in PATH; install Debian's package mariadb-server")
    return found


def _await(port: int, process: subprocess.Popen[bytes], *, log: Path) -> None:
    until = time.monotonic() + MAX_WAIT
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=MAX_WAIT) as connection:
                # A server that is ready speaks first.
                if connection.recv(1):
                    return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text(encoding="utf-8")) from None
        time.sleep(0.05)
