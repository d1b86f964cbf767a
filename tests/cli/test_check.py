"""What `comms check` finds that a load would only find after it has read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from comms_source.cli.app import app
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox
from tests.postgres import Postgres
from tests.support import last_second

Comms = Callable[..., Result]
OURS = "SOURCES__COMMS_SOURCE"


@pytest.fixture
def comms(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Comms:
    """Runs a command against the sandbox."""
    sandbox.clock.set(last_second())
    monkeypatch.setenv(f"{OURS}__BASE_URL", sandbox.url)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    return lambda *arguments: CliRunner().invoke(app, arguments, catch_exceptions=False)


def failed(done: Result) -> list[dict[str, Any]]:
    """The checks that did not pass, of `check --json`."""
    return [check for check in json.loads(done.stdout)["checks"] if not check["passed"]]


@pytest.mark.slow
@pytest.mark.usefixtures("comms")
def test_settings_that_nothing_reads_are_failed_checks(tmp_path: Path) -> None:
    """Each by its name, in files and in the environment; other commands log one line."""
    (tmp_path / "project/.dlt").mkdir()
    (tmp_path / "project/.dlt/config.toml").write_text(
        "[sources.comms_source]\nrefesh_ratio = 0.2\n[sources.coms_source]\nwindow = '1 hour'\n"
    )
    environment = {**os.environ, f"{OURS}__REFESH": "full"}

    checked, planned = (
        subprocess.run(
            [sys.executable, "-c", "from comms_source.cli import main; main()", *command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment,
        )
        for command in (["check", "--json"], ["plan", "--json"])
    )

    found = [each for each in json.loads(checked.stdout)["checks"] if not each["passed"]]
    assert checked.returncode == 2
    assert checked.stderr == ""
    assert [(each["subject"], each["kind"]) for each in found] == [
        ("settings", "wrong_setting")
    ] * 3
    meant = ("refresh_ratio?)", "[sources.comms_source]?)", f"{OURS}__REFRESH?)")
    assert all(each["detail"].endswith(end) for each, end in zip(found, meant, strict=True))
    assert planned.returncode == 0
    assert len(planned.stderr.splitlines()) == 1
    assert all(end in planned.stderr for end in meant)


def test_settings_of_the_views_are_checked(comms: Comms, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are wrong for every account."""
    monkeypatch.setenv(f"{OURS}__COUNTER_MODE", "exclusive")

    done = comms("check", "--json")

    (check,) = failed(done)
    assert done.exit_code == 2
    assert (check["kind"], check["account"]) == ("wrong_setting", None)
    assert check["detail"].startswith("counter_mode: expected a table")


def test_a_base_url_without_its_version(comms: Comms, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not taken for missing access alone: the address is named that was not there."""
    url = os.environ[f"{OURS}__BASE_URL"].removesuffix("/v1")
    monkeypatch.setenv(f"{OURS}__BASE_URL", url)

    first, *_ = failed(comms("check", "--json"))

    assert f"or not at {url}/Messages/Operations (404" in first["detail"]
    assert "check base_url, which includes the version (/v1)" in first["detail"]


@pytest.mark.parametrize(
    ("file", "dataset"),
    [
        ("comms.duckdb", "comms"),
        ("Comms.db.duckdb", "comms"),
        ("comms_staging.duckdb", "comms"),
        ("twilio_comms.duckdb", "Twilio-Comms"),
    ],
)
@pytest.mark.parametrize("command", ["check", "load", "plan", "status", "report", "views"])
def test_a_database_that_is_named_like_the_dataset(
    command: str, file: str, dataset: str, comms: Comms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is refused by every command, before any request, and nothing is created."""
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", file)

    done = comms(command, "--dataset", dataset)

    name = file.partition(".")[0]
    assert done.exit_code == 2
    assert f"dataset: DuckDB calls the database '{name}', and could not tell" in done.output
    assert not Path(file).exists()


@pytest.mark.slow
def test_a_dataset_is_the_same_in_any_spelling(comms: Comms) -> None:
    """One working folder, one state, and the name as it ends up in the messages."""
    assert comms("load", "--dataset", "Comms").exit_code == 0
    checked = comms("check", "--dataset", "COMMS")

    folders = Path(os.environ["DLT_DATA_DIR"], "pipelines/comms_source").iterdir()
    assert len(list(folders)) == 1
    assert "dataset comms" in checked.output
    assert comms("status").exit_code == 0


@pytest.mark.parametrize(
    ("given", "meant"),
    [("duckbd", "duckdb"), ("Postgres", "postgres"), ("snoflake", "snowflake")],
)
def test_a_destination_that_does_not_exist(comms: Comms, given: str, meant: str) -> None:
    """The one that is like it is named, and nothing is advised to install."""
    (check,) = failed(comms("check", "--destination", given, "--json"))

    assert check["kind"] == "wrong_setting"
    assert check["detail"].startswith(f"destination: there is none called '{given}'; did you mean")
    assert f"did you mean {meant}?" in check["detail"]
    assert "pip" not in check["detail"]


def test_a_destination_like_no_other(comms: Comms) -> None:
    """All of dlt's are named."""
    done = comms("load", "--destination", "mainframe")

    assert done.exit_code == 2
    assert "there is none called 'mainframe'; dlt has athena, bigquery, " in done.output


@pytest.mark.skipif(find_spec("pyodbc") is not None, reason="pyodbc is installed")
def test_a_destination_whose_driver_is_not_installed(
    comms: Comms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra that installs it is named."""
    monkeypatch.setenv("DESTINATION__MSSQL__CREDENTIALS", "mssql://u:p@h/db")

    (check,) = failed(comms("check", "--destination", "mssql", "--json"))

    assert check["kind"] == "wrong_setting"
    assert check["detail"] == (
        "destination: mssql needs the package pyodbc, which is not installed; "
        "pip install 'dlt[mssql]'"
    )


def test_a_destination_of_ones_own(comms: Comms, monkeypatch: pytest.MonkeyPatch) -> None:
    """Needs a type, and then is known by its name."""
    monkeypatch.setenv("DESTINATION__MINE__DESTINATION_TYPE", "duckdb")
    monkeypatch.setenv("DESTINATION__MINE__CREDENTIALS", "mine.duckdb")

    assert failed(comms("check", "--destination", "mine", "--json")) == []


def test_a_wrong_setting_of_a_destination(comms: Comms, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is reported by its name, and no value that may hold a secret is shown."""
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "me:my-secret@db")
    (of_postgres,) = failed(comms("check", "--destination", "postgres", "--json"))
    monkeypatch.setenv("DESTINATION__DUCKDB__CREATE_INDEXES", "my-secret")
    (of_duckdb,) = failed(comms("check", "--json"))

    assert of_postgres["detail"].startswith("destination.postgres.credentials: ")
    assert of_duckdb["detail"] == "destination.duckdb: create_indexes has to be true or false"
    for check in (of_postgres, of_duckdb):
        assert check["kind"] == "wrong_setting"
        assert "my-secret" not in check["detail"]


def test_a_database_in_memory_is_refused(comms: Comms, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be gone after the command."""
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", ":memory:")

    done = comms("load")

    assert done.exit_code == 2
    assert "comms: ConfigurationError: destination.duckdb: " in done.output


def test_a_role_that_may_not_create_schemas(
    comms: Comms, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is found, although it may connect and read."""
    postgres.make_database("checked")
    with postgres.connect() as cursor:
        cursor.execute("drop role if exists reader; create role reader login password 'any'")
    url = postgres.url("checked").replace("tests:", "reader:")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)

    done = comms("check", "--destination", "postgres", "--json")

    (check,) = failed(done)
    assert done.exit_code == 1
    assert check["kind"] == "other"
    assert check["detail"].startswith("nothing can be written to comms: permission denied for ")
    assert "create schemas" in check["detail"]


def test_a_role_that_may_use_the_schemas_that_are_there(
    comms: Comms, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Need not be allowed to create others; but it needs the right to create tables in them."""
    postgres.make_database("checked")
    with postgres.connect() as cursor:
        cursor.execute("drop role if exists writer; create role writer login password 'any'")
    with postgres.connect("checked") as cursor:
        cursor.execute("create schema comms authorization writer; create schema comms_staging")
    url = postgres.url("checked").replace("tests:", "writer:")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)

    (check,) = failed(comms("check", "--destination", "postgres", "--json"))
    with postgres.connect("checked") as cursor:
        cursor.execute("grant create, usage on schema comms_staging to writer")
    granted = comms("check", "--destination", "postgres", "--json")

    assert check["detail"].startswith("nothing can be written to comms_staging: permission denied")
    assert failed(granted) == []


def test_the_check_leaves_nothing_behind(
    comms: Comms, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In PostgreSQL no schema; no DuckDB file, and nothing in one that is there."""
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", postgres.make_database("checked"))

    assert comms("check", "--destination", "postgres").exit_code == 0
    assert comms("check").exit_code == 0
    assert list(Path().glob("*")) == []

    duckdb.connect("twilio_comms.duckdb").close()
    assert comms("check").exit_code == 0
    schemas = "select schema_name from information_schema.schemata where schema_name like 'comms%'"
    with postgres.connect("checked") as cursor:
        cursor.execute(schemas)
        assert cursor.fetchall() == []
    with duckdb.connect("twilio_comms.duckdb", read_only=True) as connection:
        assert connection.execute(schemas).fetchall() == []


def test_a_lake_in_a_place_that_is_no_folder(
    comms: Comms, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Is found without writing to it."""
    (tmp_path / "file").touch()
    monkeypatch.setenv(f"{OURS}__TABLE_FORMAT", "delta")
    monkeypatch.setattr("comms_source.destinations.capabilities.find_spec", lambda _: object())
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "file/lake"))

    (check,) = failed(comms("check", "--destination", "filesystem", "--json"))

    assert f"{tmp_path}/file/lake cannot be written to: {tmp_path}/file is no f" in check["detail"]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["status", "plan", "load", "check", "report"])
def test_an_account_that_does_not_exist(command: str, comms: Comms) -> None:
    """Is exit code 2, with those that there are; a report knows them from the tables."""
    comms("load")

    done = comms(command, "--account", "nobody")

    assert done.exit_code == 2
    reported = next(line for line in done.output.splitlines() if "account: " in line)
    assert reported.startswith("FAIL  settings" if command == "check" else "comms: Configuration")
    assert "default" in reported


def test_the_destination_is_looked_at_without_credentials(
    comms: Comms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing for the API is one failed check among others."""
    monkeypatch.delenv("TWILIO_AUTH_TOKEN")

    done = comms("check", "--json")

    found = {check["subject"]: check["passed"] for check in json.loads(done.stdout)["checks"]}
    assert (done.exit_code, found) == (2, {"settings": False, "destination": True})


@pytest.mark.slow
def test_a_report_on_an_account_that_has_nothing_yet(
    comms: Comms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is empty if the configuration names the account; one that it no longer names is reported."""
    comms("load")
    monkeypatch.setenv(f"{OURS}__ACCOUNTS", "shop")

    assert comms("report", "--account", "shop").exit_code == 0
    assert comms("report", "--account", "default").exit_code == 0
    assert comms("report", "--account", "nobody").exit_code == 2
