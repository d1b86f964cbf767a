"""What the commands print: as wide as the terminal, in plain words, and each thing once."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from comms_source.cli.app import app
from comms_source.cli.progress import described
from comms_source.commands.summary import RunSummary
from comms_source.extract.run_stats import ChannelStats, DetailsStats, RunStats
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Fault, Sandbox
from tests.support import FILE, NOW, last_second

# -P as in an installed command: the working folder, which may be gone, is not searched for modules.
MAIN = [sys.executable, "-P", "-c", "from comms_source.cli import main; main()"]
Comms = Callable[..., Result]


@pytest.fixture
def comms(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Comms:
    """Runs a command against the sandbox, at the real time."""
    sandbox.clock.set(last_second())
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__BASE_URL", sandbox.url)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    return lambda *arguments: CliRunner().invoke(app, arguments, catch_exceptions=False)


def too_wide(text: str, width: int) -> list[str]:
    """The lines that are wider than the terminal, except single words and commands to copy."""
    lines = [line for line in text.splitlines() if not line.startswith("dlt pipeline ")]
    return [line for line in lines if len(line) > width and " " in line.strip()]


@pytest.mark.slow
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(
    width: int, comms: Comms, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every error message; a word is never broken."""
    monkeypatch.setenv("COLUMNS", str(width))
    sandbox.faults.replace(
        [
            Fault(kind="internal_error", channel="emails"),
            Fault(kind="forbidden", channel="messages"),
        ]
    )
    for command in ("load", "status", "plan", "report"):
        shown = comms(command).stdout
        assert too_wide(shown, width) == []
        assert "…" not in shown


@pytest.mark.slow
def test_without_a_terminal_each_thing_is_on_one_line(comms: Comms, sandbox: Sandbox) -> None:
    """For programs that read lines."""
    sandbox.faults.replace([Fault(kind="internal_error", channel="emails")])
    (failed,) = [line for line in comms("load").stdout.splitlines() if "not read" in line]
    why = failed.removeprefix("    not read ")

    assert why.endswith("; run again later")
    assert f"    failed              {why}" in comms("status").stdout.splitlines()


def on_a_terminal(*arguments: str, width: int) -> str:
    """What a command prints on a terminal, its bars and its results."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("COLUMNS", None)
    with subprocess.Popen(
        [*MAIN, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ):
        os.close(theirs)
        text = b"".join(_read(ours)).decode()
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n")


def _read(terminal: int) -> Iterator[bytes]:
    try:
        while data := os.read(terminal, 65_536):
            yield data
    except OSError:  # How Linux says that the program has ended.
        return


@pytest.mark.slow
@pytest.mark.usefixtures("comms")
@pytest.mark.parametrize("width", [40, 80])
def test_a_load_on_a_terminal_cuts_neither_bars_nor_figures(width: int) -> None:
    """The figures after it are a table only if there is room for one."""
    shown = on_a_terminal("load", width=width)

    assert "…" not in shown
    assert too_wide(shown, width) == []
    assert ("all that is stored  requested   delivered" in shown) is (width == 80)
    assert ("messages  requested " in shown) is (width == 40)


@pytest.mark.parametrize("room", [9, 21, 41, 49, 100])
def test_progress_leaves_out_what_has_no_room(room: int) -> None:
    """First the pages, then the scans; never a part of a number."""
    record = ChannelStats(operations=99_999_999, pages=12_345, scans=169, scans_done=168)
    whole = "99,999,999 operations, 12,345 pages, 168 of 169 scans"
    expected = {
        9: "99,999,999",
        21: "99,999,999 operations",
        41: "99,999,999 operations, 168 of 169 scans",
        49: "99,999,999 operations, 168 of 169 scans",
        100: whole,
    }

    assert described(record, room=room) == expected[room]
    assert described(ChannelStats(operations=10**12)).startswith("1T operations")


def test_progress_goes_on_with_details() -> None:
    """Once the operations are read; those that failed have ended too."""
    details = DetailsStats(planned=1200, operations=40, failures={"comms_operation_x": "busy"})
    record = ChannelStats(operations=5000, scans=1, scans_done=1, details=details)

    assert described(record) == "details of 41 of 1,200 operations"
    assert described(record, room=20) == "41 of 1,200"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "reported"),
    [
        ("forbidden", "not open to these credentials"),
        ("internal_error", "the API failed twice"),
    ],
)
def test_a_failure_is_reported_once(
    kind: str, reported: str, comms: Comms, sandbox: Sandbox
) -> None:
    """In the summary, and not in the log too; with --verbose the log tells every step."""
    sandbox.faults.replace([Fault(kind=kind, channel="emails")])
    done = comms("load")

    assert done.stdout.count(reported) == 1
    assert done.stderr == ""
    assert comms("load", "--json").stderr == ""
    assert reported in comms("--verbose", "load").stderr


@pytest.mark.slow
def test_missing_rows_are_reported_once(comms: Comms) -> None:
    """One row is one."""
    comms("load")
    with duckdb.connect(FILE) as connection:
        connection.execute(
            "delete from comms.email_operations where created_at = "
            "(select min(created_at) from comms.email_operations)"
        )
    done = comms("load")

    assert re.findall(r"(.*) lacked rows", done.stdout) == ["    1 window"]
    assert done.stderr == ""


@pytest.mark.slow
def test_nothing_was_loaded_if_every_channel_was_refused(comms: Comms, sandbox: Sandbox) -> None:
    """And the summary says so."""
    sandbox.faults.replace([Fault(kind="forbidden")])
    done = comms("load")

    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1].startswith("Nothing was loaded into duckdb ")
    assert "refused: not open to these credentials" in done.stdout


def summary(record: ChannelStats, *, retries: int = 0, waited: float = 0.0) -> list[str]:
    """The lines of a run on one channel that took two seconds."""
    stats = RunStats({"emails": record})
    stats.retries, stats.waited_seconds = retries, waited
    return RunSummary(
        stats=stats,
        account="default",
        started_at=NOW,
        ended_at=NOW + timedelta(seconds=2),
        destination="duckdb",
        dataset="comms",
        load_ids=["1"],
        views=[],
    ).lines()


def test_one_is_singular_in_a_summary() -> None:
    """And every other number is plural."""
    one = ChannelStats(
        requests=1, pages=1, operations=1, rejected=1, outside=1, followed=1, windows_missing_rows=1
    )
    two = ChannelStats(
        requests=2, pages=2, operations=2, rejected=2, outside=2, followed=2, windows_missing_rows=2
    )

    singular, plural = " ".join(summary(one, retries=1)), " ".join(summary(two, retries=2))
    nouns = ("operation", "page", "window", "open operation", "row", "request", "retry")
    assert set(re.findall(r"\b1 ((?:open )?[a-z]+)", singular)) == set(nouns)
    assert set(re.findall(r"\b2 ((?:open )?[a-z]+)", plural)) == {
        *(f"{noun}s" for noun in nouns[:-1]),
        "retries",
    }


@pytest.mark.parametrize(
    ("waited", "reported"),
    [
        (0.0, "1 request."),
        (0.04, "1 request."),
        (1234.5, "1 request; requests waited 1,234.5 s in all."),
    ],
)
def test_waits_are_those_of_all_requests(waited: float, reported: str) -> None:
    """Many wait at the same time, so they can exceed the run's own time; none is not reported."""
    lines = summary(ChannelStats(requests=1, operations=1), waited=waited)

    assert lines[-1] == f"Loaded into duckdb, dataset comms, in 2.0 s: {reported}"


@pytest.mark.slow
def test_a_plan_and_a_status_count_in_words(comms: Comms) -> None:
    """A window is one, and so is a row."""
    comms("load")
    with duckdb.connect(FILE) as connection:
        connection.execute("update comms.coverage set rows_read = 1")
    shown = comms("plan").stdout + comms("status").stdout

    assert not re.search(r"\b1 (rows|windows|requests|operations)\b", shown)
    assert re.search(r"of \d+ windows", shown)


def in_a_folder(folder: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder that is deleted first."""
    script = 'mkdir "$0"; cd "$0"; rmdir "$0"; exec "$@"'
    return subprocess.run(
        ["sh", "-c", script, folder, *MAIN, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", ["status", "load", "init", "demo"])
def test_a_folder_that_is_gone_is_one_sentence(command: str, tmp_path: Path) -> None:
    """Exit code 2, before anything is done."""
    done = in_a_folder(str(tmp_path / "gone"), command)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "comms: ConfigurationError: the folder that this was started in is gone or closed to this "
        "user; change to another one, or name one with --project\n"
    )


def test_a_folder_that_is_gone_is_reported_as_json_too(tmp_path: Path) -> None:
    """Another folder can be named, and then all is well."""
    gone = str(tmp_path / "gone")
    reported = json.loads(in_a_folder(gone, "status", "--json").stdout)

    assert (reported["exit_code"], reported["error"]) == (2, "ConfigurationError")
    assert in_a_folder(gone, "--project", str(tmp_path), "init").returncode == 0


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_project_that_is_no_folder_is_one_sentence(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the folder, and both ways to name another one."""
    (tmp_path / "file").touch()
    for folder, why in (("nowhere", "No such file"), ("file", "Not a directory")):
        path = str(tmp_path / folder)
        if by == "environment":
            monkeypatch.setenv("COMMS_PROJECT", path)
        arguments = ["--project", path] if by == "option" else []
        done = CliRunner().invoke(app, [*arguments, "status"])
        assert done.exit_code == 2
        assert f"project: '{path}' cannot be used ({why}" in done.stderr
        assert "--project or in COMMS_PROJECT" in done.stderr
        assert len(done.stderr.splitlines()) == 1
