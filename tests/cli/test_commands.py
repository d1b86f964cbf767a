"""The commands from the command line: their output and exit codes."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from comms_source.cli.app import app
from comms_source.commands.load import run_load
from comms_source.destinations.pipeline import open_pipeline
from comms_source.sandbox import (
    ACCOUNT_ID,
    AUTH_TOKEN,
    Fault,
    Sandbox,
    SandboxSettings,
    Story,
    story,
)
from comms_source.views.dialects import DIALECTS
from comms_source.views.files import read_views
from tests.support import session_for, stored, true

Comms = Callable[..., Result]


@pytest.fixture
def comms(today: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Comms:
    """Runs a command against the sandbox."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__BASE_URL", today.url)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    return run


def run(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


UNKNOWN = f"comms_operation_{0:026}"
"""An id that no operation has."""

COMMANDS = ("load", "fetch", "report", "rejected", "views", "check", "sandbox", "demo")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_has_a_help_text(command: str) -> None:
    """And the help needs no settings."""
    shown = run(command, "--help")

    assert shown.exit_code == 0
    options = re.findall(r"^│ \*?\s*(--[a-z-]+).*│$", shown.output, flags=re.MULTILINE)
    assert "--help" in options


def test_help_lists_the_commands_and_the_exit_codes() -> None:
    """The first thing that a new user reads."""
    shown = run("--help").output

    assert all(f"│ {command} " in shown for command in COMMANDS)
    assert "Exit codes" in shown


@pytest.mark.slow
def test_load_prints_what_it_read(comms: Comms, today: Sandbox) -> None:
    """Three channels, exit code 0."""
    done = comms("load")

    assert done.exit_code == 0
    for channel in ("messages", "emails", "push_notifications"):
        assert re.search(rf"^{channel} +\d+ operations", done.stdout, flags=re.MULTILINE)
        assert stored(channel) == true(today, channel)


@pytest.mark.slow
def test_counter_modes_can_be_pinned_by_a_setting(
    comms: Comms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The views of every later load use it; an invalid value is exit code 2."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__COUNTER_MODE", '{"emails": "exclusive"}')
    for command in ("load", "views"):
        assert comms(command).exit_code == 0
        with duckdb.connect("twilio_comms.duckdb", read_only=True) as connection:
            modes = connection.execute(
                "select distinct counter_mode from comms.operations where channel = 'emails'"
            ).fetchall()
        assert modes == [("exclusive",)]

    monkeypatch.setenv("SOURCES__COMMS_SOURCE__COUNTER_MODE", '{"emails": "sideways"}')
    assert comms("load").exit_code == 2


@pytest.mark.slow
def test_load_prints_json(comms: Comms, today: Sandbox) -> None:
    """One JSON object on standard output."""
    done = comms("load", "--json")
    summary = json.loads(done.stdout)

    assert (summary["outcome"], summary["exit_code"], done.exit_code) == ("complete", 0, 0)
    assert summary["requests"] == len(today.requests)
    assert summary["channels"]["emails"]["operations"] == len(today.truth("emails"))
    assert summary["views"] == [view.name for view in read_views()]
    assert summary["load_ids"]


@pytest.mark.slow
def test_an_incomplete_load_says_what_is_missing(comms: Comms, today: Sandbox) -> None:
    """Exit code 3; the failed scan with its error, in text and JSON."""
    today.faults.replace([Fault(kind="no_envelope", channel="emails")])

    for arguments in (("load",), ("load", "--json")):
        done = comms(*arguments)
        assert done.exit_code == 3
        assert "base_url" in done.stdout
    assert (
        json.loads(done.stdout)["channels"]["emails"]["failures"][0]["error"] == "EnvelopeMissing"
    )


@pytest.mark.slow
def test_refused_credentials_are_exit_code_2_and_one_line(
    comms: Comms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback; with --json also an object."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "wrong")

    done = comms("load")
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    summary = json.loads(comms("load", "--json").stdout)
    assert (summary["outcome"], summary["error"]) == ("failed", "CredentialsRefused")


@pytest.mark.parametrize(
    "arguments",
    [
        ("load", "--channel", "letters"),
        ("load", "--chanel", "emails"),
        ("load", "--destination", "punchcards"),
        ("fetch",),
        ("frobnicate",),
        ("sandbox", "--order", "sideways"),
        ("sandbox", "--faults", "nowhere.toml"),
        ("sandbox", "--now", "someday"),
    ],
)
def test_wrong_usage_is_exit_code_2(comms: Comms, arguments: tuple[str, ...]) -> None:
    """Whether the command line or this project detects it."""
    assert comms(*arguments).exit_code == 2


@pytest.mark.parametrize("value", ["many", "0"])
def test_an_invalid_setting_is_exit_code_2(
    comms: Comms, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """Whether dlt or this project detects it; no traceback, and the setting is named."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__PAGE_SIZE", value)

    done = comms("load")

    assert done.exit_code == 2
    assert "page_size" in done.stderr


def test_a_command_that_lacks_its_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 2 and one line."""
    for name in [name for name in sys.modules if name.startswith("comms_source.sandbox")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)

    done = run("demo")

    assert done.exit_code == 2
    assert "comms-source[sandbox]" in done.stderr


def test_a_demo_without_the_packages_for_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, before it loads anything."""
    monkeypatch.setitem(sys.modules, "altair", None)

    done = run("demo", "--html", "page.html")

    assert done.exit_code == 2
    assert "comms-source[report]" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(Path().iterdir()) == []


@pytest.mark.slow
def test_another_destination_gets_the_same_rows(
    comms: Comms, today: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A DuckDB file with any name and path, and another dataset, by options and settings."""
    Path("data").mkdir()
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "data/w.duckdb")

    assert comms("load", "--destination", "duckdb", "--dataset", "twilio").exit_code == 0

    with duckdb.connect("data/w.duckdb", read_only=True) as connection:
        count = connection.execute("select count(*) from twilio.message_operations").fetchone()
    assert count == (len(today.truth("messages")),)


def test_a_destination_that_lacks_settings_is_exit_code_2(comms: Comms) -> None:
    """The message names the variables to set."""
    for destination in ("postgres", "motherduck"):
        done = comms("load", "--destination", destination)
        assert done.exit_code == 2
        assert f"set DESTINATION__{destination.upper()}__" in done.stderr


def test_missing_credentials_are_exit_code_2_with_a_remedy() -> None:
    """The message names the variables to set."""
    done = run("load")

    assert done.exit_code == 2
    assert "TWILIO_ACCOUNT_SID" in done.stderr


@pytest.mark.slow
def test_an_unreachable_host_is_exit_code_1(comms: Comms, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be loaded."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setattr("comms_source.config.settings.ATTEMPTS", 1)
    monkeypatch.setattr("comms_source.api.throttle.Throttle.rest", lambda *_: None)

    assert comms("load").exit_code == 1


@pytest.mark.slow
def test_a_file_locked_by_another_program_is_exit_code_1(
    comms: Comms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while; the message names the program and says what to do."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__MAX_LOCK_WAIT", "1 second")
    comms("load")
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, "twilio_comms.duckdb"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        loaded, checked = comms("load"), comms("check")
        holder.communicate("\n", timeout=10)

    for done in (loaded, checked):
        assert done.exit_code == 1
        assert str(holder.pid) in done.output
        assert "close that program" in done.output


@pytest.mark.slow
def test_fetch_refreshes_single_operations(comms: Comms, today: Sandbox) -> None:
    """They are found in any channel; unknown ones are reported and not loaded."""
    ids = [today.truth(channel)[3]["id"] for channel in ("messages", "push_notifications")]

    done = comms("fetch", *ids, UNKNOWN)

    assert done.exit_code == 3
    assert [line.split()[1] for line in done.stdout.splitlines()] == [
        "loaded,",
        "loaded,",
        "unknown",
    ]
    assert stored("messages").keys() | stored("push_notifications").keys() == set(ids)
    assert stored("messages")[ids[0]] == true(today, "messages")[ids[0]]


@pytest.mark.slow
def test_fetch_updates_a_stored_row(comms: Comms, today: Sandbox) -> None:
    """Other rows do not change."""
    comms("load")
    before = stored("messages")
    today.clock.advance(timedelta(days=2))
    moved = next(id_ for id_, row in true(today, "messages").items() if before.get(id_, row) != row)

    assert comms("fetch", "--channel", "messages", moved).exit_code == 0

    assert stored("messages") == before | {moved: true(today, "messages")[moved]}


def test_fetch_of_unknown_ids_only_is_exit_code_1(comms: Comms) -> None:
    """Nothing could be loaded."""
    done = comms("fetch", UNKNOWN)

    assert done.exit_code == 1
    assert f"{UNKNOWN}  unknown to the API (404)" in done.stdout


@pytest.mark.parametrize(
    "wrong",
    ["", ".", "..", "a/../b?c", "comms_operation_", f"{UNKNOWN} ", "comms_message_01h2xcejqtf2nbr"],
)
def test_fetch_asks_for_nothing_that_cannot_be_an_id(
    wrong: str, comms: Comms, today: Sandbox
) -> None:
    """An empty id would ask for a list, and two dots for another resource."""
    done = comms("fetch", UNKNOWN, wrong)

    assert done.exit_code == 2
    assert f"{wrong!r} cannot be the id of an operation" in done.stderr
    assert not list(today.requests)


def test_fetch_reports_a_row_that_cannot_be_read(comms: Comms, today: Sandbox) -> None:
    """And an error of the API."""
    today.faults.replace([Fault(kind="internal_error", endpoint="fetch")])

    done = comms("fetch", UNKNOWN)

    assert done.exit_code == 1
    assert "not loaded: the API failed" in done.stdout


@pytest.mark.slow
def test_views_are_created_again(comms: Comms) -> None:
    """After they were dropped."""
    comms("load")
    with duckdb.connect("twilio_comms.duckdb") as connection:
        connection.execute("drop view comms.daily_delivery")

    done = comms("views")

    named = "".join(f"{view.name}\n" for view in read_views())
    assert (done.exit_code, done.stdout) == (0, named)
    with duckdb.connect("twilio_comms.duckdb", read_only=True) as connection:
        assert connection.execute("select count(*) > 0 from comms.daily_delivery").fetchone() == (
            True,
        )


@pytest.mark.slow
def test_the_printed_sql_creates_the_views(comms: Comms) -> None:
    """In the order of the text, with comments; what `load` created answers the same."""
    comms("load")
    printed = comms("views", "--print", "duckdb")
    names = [view.name for view in read_views()]
    counts = [f"select count(*), count(columns(*)) from comms.{name}" for name in names]
    with duckdb.connect("twilio_comms.duckdb") as connection:
        loaded = [connection.execute(count).fetchall() for count in counts]
        for name in reversed(names):
            connection.execute(f"drop view comms.{name}")

        connection.execute(printed.stdout)

        assert [connection.execute(count).fetchall() for count in counts] == loaded
        query = "select count(*) from duckdb_views() where comment is not null"
        assert connection.execute(query).fetchone() == (len(names),)
    assert printed.exit_code == 0


@pytest.mark.slow
def test_sql_is_printed_without_a_destination(comms: Comms, today: Sandbox) -> None:
    """For each dialect, and for another schema; neither the API nor a file is touched."""
    for dialect in DIALECTS:
        done = comms("views", "--print", dialect, "--dataset", "sent", "--details")
        assert done.exit_code == 0
        assert done.stdout.count("CREATE OR REPLACE VIEW ") == len(read_views(details=True))
        assert "sent" in done.stdout

    assert not today.requests
    assert list(Path().iterdir()) == []


def test_printed_sql_is_for_the_configured_dataset(
    comms: Comms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As what `load` creates is; without a setting it is `comms`."""
    assert '"comms"."daily_delivery"' in comms("views", "--print", "duckdb").stdout
    monkeypatch.setenv("DATASET_NAME", "sent")

    assert '"sent"."daily_delivery"' in comms("views", "--print", "duckdb").stdout


def test_a_dialect_without_views_is_refused(comms: Comms) -> None:
    """With the names of the others; so are details, where nothing is printed."""
    unknown, unprinted = comms("views", "--print", "oracle"), comms("views", "--details")

    assert unknown.exit_code == unprinted.exit_code == 2
    assert "'oracle'; one of bigquery, clickhouse" in unknown.stderr
    assert "details: only with --print" in unprinted.stderr


def test_views_without_tables_say_what_to_do_first(comms: Comms) -> None:
    """Nothing failed, and no file is created."""
    done = comms("views")

    assert done.exit_code == 0
    assert "comms load" in done.stdout
    assert not Path("twilio_comms.duckdb").exists()


def test_a_folder_that_does_not_exist_is_reported_at_once(
    comms: Comms, today: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `load` with exit code 1, and by `check`, before anything is read."""
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "nowhere/w.duckdb")

    for command in ("load", "check"):
        done = comms(command)
        assert done.exit_code == 1
        assert "create the folder" in done.output
    assert {entry.parameters.get("pageSize") for entry in today.requests} == {"1"}


def kinds(done: Result) -> dict[str, str]:
    """The results of `check --json`, by subject."""
    return {check["subject"]: check["kind"] for check in json.loads(done.stdout)["checks"]}


def test_check_passes(comms: Comms, today: Sandbox) -> None:
    """With one request per channel, and nothing is loaded."""
    done = comms("check")

    assert done.exit_code == 0
    assert done.stdout.count("pass  ") == 4
    assert len(today.requests) == 3
    assert list(Path().iterdir()) == []


def test_check_reports_a_wrong_secret(comms: Comms, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every channel, after one request."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "wrong")

    done = comms("check", "--json")

    assert done.exit_code == 2
    assert set(kinds(done).values()) == {"wrong_secret", "passed"}
    assert kinds(done)["destination"] == "passed"


def test_check_reports_a_missing_permission_by_channel(comms: Comms, today: Sandbox) -> None:
    """The other channels pass."""
    today.faults.replace([Fault(kind="forbidden", channel="push_notifications")])

    done = comms("check", "--json")

    assert done.exit_code == 3
    assert kinds(done) == {
        "messages": "passed",
        "emails": "passed",
        "push_notifications": "missing_permission",
        "destination": "passed",
    }


def test_check_reports_an_unreachable_host(comms: Comms, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port without a server."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__BASE_URL", url)

    done = comms("check", "--json")

    assert done.exit_code == 1
    assert kinds(done)["emails"] == "unreachable"


@pytest.mark.parametrize(("hours", "direction"), [(2, "behind"), (-2, "ahead of")])
def test_check_reports_a_skewed_clock(
    comms: Comms, today: Sandbox, hours: int, direction: str
) -> None:
    """By the `Date` header of the responses."""
    today.clock.advance(timedelta(hours=hours))

    done = comms("check")

    assert done.exit_code == 3
    assert f"{direction} the API's" in done.stdout


@pytest.mark.slow
def test_a_project_folder_works_from_anywhere(comms: Comms, tmp_path: Path) -> None:
    """As from cron: settings and DuckDB file are those of the folder."""
    folder = tmp_path / "srv"
    folder.mkdir()

    assert comms("--project", str(folder), "load").exit_code == 0
    assert (folder / "twilio_comms.duckdb").exists()


def end_of_story(**options: Any) -> Story:
    """The story of the demo, of which only the last load is played."""
    whole = story(**options)
    return replace(whole, loads=whole.loads[-1:])


@pytest.mark.slow
def test_demo_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No account, no settings; it creates one file in the folder, and the page if asked to."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "unused")
    monkeypatch.setattr("comms_source.sandbox.story", end_of_story)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.argv", [".venv/bin/comms"])

    done = run("demo", "--operations", "150", "--html", "page.html")

    assert done.exit_code == 0
    assert {path.name for path in Path().iterdir()} == {"comms_demo.duckdb", "page.html"}
    assert f"The page with charts is {Path('page.html').absolute()}" in done.stdout
    assert re.search(r"^(what is wrong|no problems were found)$", done.stdout, re.MULTILINE)
    assert re.search(r"emails .* \d+\.\d% ", done.stdout)
    assert re.search(r"push_notifications .* \d+\.\d% acc\.", done.stdout)
    assert "comms_demo.duckdb .venv/bin/comms report" in done.stdout, "comms is not in the path"


def test_the_options_of_the_sandbox_become_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines to copy are printed."""
    served: list[SandboxSettings] = []
    monkeypatch.setattr(
        "comms_source.sandbox.serve", lambda model, **_: served.append(model.settings)
    )
    Path("faults.toml").write_text('[[faults]]\nkind = "reset"\nevery = 3\n', encoding="utf-8")

    done = run(
        *("sandbox", "--order", "ascending", "--tokens", "strict", "--faults", "faults.toml"),
        *("--now", "2026-11-20T12:00:00Z", "--samples", "--port", "1234"),
    )

    assert done.exit_code == 0
    assert "http://127.0.0.1:1234/v1" in done.stdout
    (settings,) = served
    assert (settings.order, settings.tokens) == ("ascending", "strict")
    assert settings.faults == (Fault(kind="reset", every=3),)
    assert "message_single" in settings.samples


def test_help_does_not_wait_for_slow_imports() -> None:
    """Dlt, DuckDB and Arrow take most of a second, and help needs none of them."""
    code = (
        "import sys; from comms_source.cli.app import app; app(['--help'], standalone_mode=False); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'dlt', 'duckdb', 'pyarrow'}))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["report", "views"])
def test_after_a_refused_first_load_there_is_nothing_to_show(
    command: str, comms: Comms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refused run left its record only; nothing failed, and one line says what to look at."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "wrong")
    refused, done = comms("load"), comms(command)

    assert (refused.exit_code, done.exit_code) == (2, 0)
    assert "no load has succeeded yet; comms status shows how the last one ended" in done.stdout
    assert not done.stderr


@pytest.mark.slow
def test_status_names_the_pipeline_that_has_not_loaded_yet(
    comms: Comms, today: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one has, so it does not say that nothing was read."""
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "twilio_comms.duckdb")
    run_load(session=session_for(today), pipeline=open_pipeline(name="mine"))

    shown = " ".join(comms("status").stdout.split())

    assert "load before any time; the dlt pipeline twilio_comms has completed no load yet" in shown
    assert f"operations {len(stored('messages'))}, newest" in shown
