"""A PgBouncer for tests, in transaction mode, in front of their PostgreSQL server.

It needs Debian's package `pgbouncer`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2  # type: ignore[import-untyped]

from tests.postgres import MAX_WAIT, USER, Postgres, free_port, owner_of_servers, start

FEW = 4
"""Connections to the server, shared by all clients: few, so that clients get different ones."""

CONFIG = """
[databases]
* = host=127.0.0.1 port={server} user={user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {few}
ignore_startup_parameters = extra_float_digits,options
"""


class NoPgBouncer(Exception):
    """PgBouncer is not installed."""


@contextmanager
def running_pgbouncer(server: Postgres) -> Iterator[Postgres]:
    """Start a PgBouncer in front of a server, and stop it at the end; yields the pooled server.

    Raises:
        NoPgBouncer: if the program is not installed.
    """
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        raise NoPgBouncer("pgbouncer is not in PATH; install Debian's package pgbouncer")
    folder, owner, port = Path(tempfile.mkdtemp(dir="/tmp")), owner_of_servers(), free_port()
    config = folder / "pgbouncer.ini"
    config.write_text(CONFIG.format(server=server.port, user=USER, port=port, few=FEW))
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    config.chmod(0o644)
    process = start([program, config], folder, owner)
    try:
        pooled = Postgres(port)
        _await(pooled, process, log=folder / "log")
        yield pooled
    finally:
        process.kill()
        process.wait(MAX_WAIT)
        shutil.rmtree(folder, ignore_errors=True)


def _await(pooled: Postgres, process: subprocess.Popen[bytes], *, log: Path) -> None:
    until = time.monotonic() + MAX_WAIT
    while True:
        try:
            psycopg2.connect(pooled.url()).close()
        except psycopg2.OperationalError:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text(encoding="utf-8")) from None
            time.sleep(0.05)
        else:
            return
