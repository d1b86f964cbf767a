"""A PostgreSQL server for tests: created in a folder, started, and deleted.

It needs the programs `initdb` and `postgres`, in the path or where Debian installs them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg2  # type: ignore[import-untyped]

DEBIANS: Final = "/usr/lib/postgresql"
USER: Final = "tests"
MAX_WAIT: Final = 30.0
"""Seconds within which the server must answer."""

FAST: Final = (
    *("-c", "fsync=off"),
    *("-c", "synchronous_commit=off"),
    *("-c", "full_page_writes=off"),
    *("-c", "autovacuum=off"),
    *("-c", "shared_buffers=32MB"),
)
"""Options that are safe only for a server without valuable data."""


class NoPostgres(Exception):
    """PostgreSQL's programs are not installed."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server, for programs on this machine only."""

    port: int

    def url(self, database: str = "postgres") -> str:
        """The URL of a database."""
        return f"postgresql://{USER}:any@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def connect(self, database: str = "postgres", *, zone: str = "UTC") -> Iterator[Any]:
        """A cursor of a session in the time zone `zone`; commits each statement."""
        connection = psycopg2.connect(self.url(database), options=f"-c timezone={zone}")
        connection.autocommit = True
        with closing(connection), connection.cursor() as cursor:
            yield cursor

    def make_database(self, name: str) -> str:
        """Create an empty database, after dropping an existing one; returns its URL."""
        with self.connect() as cursor:
            cursor.execute(f'drop database if exists "{name}" with (force)')
            cursor.execute(f'create database "{name}"')
        return self.url(name)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start a server, and stop it at the end.

    Raises:
        NoPostgres: if its programs are not installed.
    """
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    owner = owner_of_servers()
    try:
        folder.chmod(0o700)
        if owner is not None:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        yield from _served(programs, folder, owner)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _served(programs: Path, folder: Path, owner: pwd.struct_passwd | None) -> Iterator[Postgres]:
    data = str(folder / "data")
    made = [programs / "initdb", "-D", data, "-U", USER, "--auth=trust", "--no-sync", "--locale=C"]
    start([*made, "--encoding=UTF8", "--no-instructions"], folder, owner).wait(MAX_WAIT)
    port = free_port()
    place = ("-h", "127.0.0.1", "-p", port, "-k", folder)
    server = start([programs / "postgres", "-D", data, *place, *FAST], folder, owner)
    try:
        postgres = Postgres(port)
        _await(postgres, server, log=folder / "log")
        yield postgres
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: no data is kept
        server.wait(MAX_WAIT)


def start(
    command: list[Any], folder: Path, owner: pwd.struct_passwd | None
) -> subprocess.Popen[bytes]:
    """Start a program; if run by root, as another user, since PostgreSQL refuses to run as root."""
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [str(part) for part in command],
            stdout=log,
            stderr=log,
            cwd=folder,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            user=owner and owner.pw_uid,
            group=owner and owner.pw_gid,
            extra_groups=None if owner is None else [],
        )


def free_port() -> int:
    """A free port on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _await(postgres: Postgres, server: subprocess.Popen[bytes], *, log: Path) -> None:
    until = time.monotonic() + MAX_WAIT
    while True:
        try:
            with postgres.connect():
                return
        except psycopg2.OperationalError:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text(encoding="utf-8")) from None
            time.sleep(0.05)


def _programs() -> Path:
    """The folder with the programs; the newest version if there are several."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path(DEBIANS).glob("*/bin"), key=_version)
    if not folders or not (folders[-1] / "postgres").exists():
        raise NoPostgres(f"PostgreSQL's programs are neither in PATH nor in {DEBIANS}")
    return folders[-1]


def _version(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdecimal() else 0


def owner_of_servers() -> pwd.struct_passwd | None:
    """The user that runs the server if the tests run as root, else None."""
    if os.geteuid() != 0:
        return None
    users = {user.pw_name: user for user in pwd.getpwall()}
    return users.get("postgres") or users["nobody"]
