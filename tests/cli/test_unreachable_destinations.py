"""A destination that cannot be used: each command says so in one sentence, and how to mend it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from comms_source.cli.app import app
from comms_source.destinations.duckdb_file import explain_duckdb
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox
from tests.postgres import Postgres

READING = ("status", "plan", "report")
ALL = (*READING, "views", "load")
PASSWORD = "a-password-of-my-own"

Comms = Callable[..., Result]


@pytest.fixture
def comms(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Comms:
    """Runs a command with credentials of the sandbox."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__BASE_URL", sandbox.url)
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__MAX_LOCK_WAIT", "1 second")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    return lambda *arguments: CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.mark.parametrize("command", ALL)
def test_a_server_that_is_down(command: str, comms: Comms, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named with its address, without its password, with exit code 1."""
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:1/db"
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)

    done = comms(command, "--destination", "postgres")

    assert done.exit_code == 1
    assert (
        'comms: DestinationUnreachable: PostgreSQL cannot be used: connection to server at "'
        in (done.stderr)
    )
    assert len(done.stderr.splitlines()) == 1
    assert PASSWORD not in done.output


def test_a_database_that_is_missing(
    comms: Comms, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's own words are enough, also as JSON."""
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", postgres.url("nowhere"))

    done = comms("status", "--destination", "postgres", "--json")

    reported = json.loads(done.stdout)
    assert reported["error"] == "DestinationUnreachable"
    assert 'database "nowhere" does not exist' in reported["message"]


def test_check_reports_an_unreachable_destination(
    comms: Comms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one failed check among those that pass."""
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://me:x@127.0.0.1:1/db")

    done = comms("check", "--destination", "postgres", "--json")

    checks = {check["subject"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["destination"]["kind"] == "unreachable"
    assert "Connection refused" in checks["destination"]["detail"]


@pytest.mark.slow
def test_a_driver_that_is_not_installed() -> None:
    """The remedy is the command that installs it."""
    without = (
        "import sys; sys.modules['psycopg2'] = None; from comms_source.cli import main; main()"
    )
    url = "postgresql://me:x@127.0.0.1:1/db"
    done = subprocess.run(
        [sys.executable, "-c", without, "status", "--destination", "postgres"],
        env=os.environ | {"DESTINATION__POSTGRES__CREDENTIALS": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "pip install 'comms-source[postgres]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_destination_without_credentials(comms: Comms) -> None:
    """The variables that are missing are named, and nothing else."""
    done = comms("status", "--destination", "postgres")

    assert done.exit_code == 2
    assert "set DESTINATION__POSTGRES__CREDENTIALS__DATABASE, DESTINATION" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "reported"),
    [
        (b"this is no database" * 1000, "is not a DuckDB database; delete it, or set"),
        (b"", "is not a DuckDB database; delete it, or set"),
        (None, "is a folder; set destination.duckdb.credentials to another file"),
    ],
)
@pytest.mark.parametrize("command", ["status", "load"])
def test_a_file_that_is_no_database(
    content: bytes | None, reported: str, command: str, comms: Comms
) -> None:
    """Named with its path, in this project's words."""
    file = Path("twilio_comms.duckdb")
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)

    done = comms(command)

    assert done.exit_code == 1
    assert f"comms: LoadFailed: the DuckDB file {file.absolute()} {reported}" in done.stderr


def test_a_file_of_a_newer_duckdb() -> None:
    """The installed version is reported; these are the words of DuckDB 1.5 on a file of 2.0."""
    reported = explain_duckdb(
        "IO Error: Trying to read a database file with version number 999, but we can only read "
        "versions between 64 and 68."
    )

    remedy = f"this one, {duckdb.__version__}, cannot read; pip install --upgrade duckdb"
    assert remedy in str(reported)


def test_a_damaged_file(comms: Comms) -> None:
    """A checksum that does not fit is no reason for advice about credentials."""
    file = Path("twilio_comms.duckdb")
    duckdb.connect(str(file)).close()
    content = bytearray(file.read_bytes())
    content[12] ^= 0xFF
    file.write_bytes(content)

    done = comms("status")

    assert done.exit_code == 1
    assert "the DuckDB file is damaged; restore a backup of it" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", READING)
def test_reading_goes_on_beside_other_readers(command: str, comms: Comms) -> None:
    """A notebook that only reads the file keeps no command from reading it."""
    assert comms("load").exit_code in {0, 3}

    with duckdb.connect("twilio_comms.duckdb", read_only=True) as notebook:
        notebook.execute("select count(*) from comms.message_operations")
        before = Path("twilio_comms.duckdb").stat()
        done = comms(command)

    assert done.exit_code == 0
    assert Path("twilio_comms.duckdb").stat() == before


@pytest.mark.parametrize("command", [*READING, "views"])
def test_before_the_first_load_nothing_failed(command: str, comms: Comms) -> None:
    """Exit code 0, and what to do first; no file is made, wherever one may be made."""
    Path().chmod(0o555)
    try:
        done = comms(command)
    finally:
        Path().chmod(0o755)

    assert done.exit_code == 0
    assert command == "plan" or "run comms load" in done.stdout
    assert not Path("twilio_comms.duckdb").exists()
