"""`comms init`: what it writes into a folder, and what it does not change."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from comms_source.cli.app import app
from comms_source.commands.init import DBT_NOT_FOR_GIT, NOT_FOR_GIT, crontab

ROOT: Final = Path(__file__).parents[2]
DAGS: Final = {path.name for path in (ROOT / "pipelines").glob("airflow_*.py")}
MADE: Final = re.compile(r"target/|logs/|dbt_packages/|\.user\.yml|package-lock\.yml")
"""What dbt writes beside the package."""


def comms(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def contents(folder: Path) -> dict[str, str]:
    """All files in a folder, by their names."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_an_empty_folder_becomes_a_project() -> None:
    """Settings as in the repository, a crontab, alert rules, all DAGs, and a .gitignore."""
    done = comms("init")

    found = contents(Path())
    names = {".dlt/config.toml", ".dlt/example.secrets.toml", "crontab.example", ".gitignore"}
    names |= {"alerts.rules.yml"}
    assert done.exit_code == 0
    assert found.keys() == names | {f"dags/{name}" for name in DAGS}
    for name in (".dlt/config.toml", ".dlt/example.secrets.toml"):
        assert found[name] == (ROOT / name).read_text()
    for name in DAGS:
        assert found[f"dags/{name}"] == (ROOT / "pipelines" / name).read_text()
    assert found["alerts.rules.yml"] == (ROOT / "pipelines" / "alerts.rules.yml").read_text()
    assert found[".gitignore"].split() == list(NOT_FOR_GIT)
    for name in found:
        assert f"wrote  {name}\n" in done.output


def test_the_dbt_package_is_written_on_request() -> None:
    """All that is committed of it, unchanged; and what dbt writes is ignored."""
    package = ROOT / "dbt"
    ours = {name: text for name, text in contents(package).items() if not MADE.match(name)}

    done = comms("init", "--dbt")

    found = contents(Path("dbt"))
    assert found == ours
    assert f"wrote  dbt/ ({len(ours)} files)\n" in done.output
    assert "dbt build" in done.output
    assert Path(".gitignore").read_text(encoding="utf-8").split() == [
        *NOT_FOR_GIT,
        *DBT_NOT_FOR_GIT,
    ]


def test_the_dbt_package_is_kept() -> None:
    """As the other files are: only what is missing is written."""
    comms("init", "--dbt")
    Path("dbt/seeds/operation_labels_seed.csv").write_text("mine", encoding="utf-8")
    Path("dbt/README.md").unlink()

    again = comms("init", "--dbt")

    assert "wrote  dbt/ (1 file)\n" in again.output
    assert Path("dbt/seeds/operation_labels_seed.csv").read_text(encoding="utf-8") == "mine"


def test_it_says_what_to_do_next() -> None:
    """The variables for the credentials, and the two commands."""
    said = comms("init").output

    for word in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "comms check", "comms load"):
        assert word in said


def test_running_it_again_changes_nothing() -> None:
    """And reports that everything was kept."""
    comms("init")
    before = contents(Path())

    again = comms("init")

    assert again.exit_code == 0
    assert contents(Path()) == before
    assert "wrote" not in again.output
    assert "kept   .dlt/config.toml\n" in again.output


def test_existing_files_are_kept() -> None:
    """Even empty ones; the other files are written."""
    Path(".dlt").mkdir()
    Path(".dlt/config.toml").write_text("mine", encoding="utf-8")
    Path("crontab.example").touch()

    done = comms("init")

    assert Path(".dlt/config.toml").read_text(encoding="utf-8") == "mine"
    assert Path("crontab.example").read_text(encoding="utf-8") == ""
    assert Path(".dlt/example.secrets.toml").exists()
    assert "kept   .dlt/config.toml\n" in done.output
    assert "wrote  .dlt/example.secrets.toml\n" in done.output


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("*.pyc", "*.pyc\n.dlt/secrets.toml\n*.duckdb\n*.duckdb.wal\n"),
        ("*.duckdb\n/.dlt/secrets.toml\n", "*.duckdb\n/.dlt/secrets.toml\n*.duckdb.wal\n"),
    ],
)
def test_gitignore_gets_the_lines_that_it_lacks(before: str, after: str) -> None:
    """At its end, whether or not the last line ends with a newline."""
    Path(".gitignore").write_text(before, encoding="utf-8")

    comms("init")

    assert Path(".gitignore").read_text(encoding="utf-8") == after


def test_the_crontab_runs_this_program_in_this_folder() -> None:
    """Nothing of the example's own folder is left, and the program can be started."""
    comms("init")

    text = Path("crontab.example").read_text(encoding="utf-8")
    programs = set(re.findall(r"\* (\S+/comms) (?:load|status)\b", text))
    assert "/srv" not in text
    assert f"COMMS_PROJECT={Path.cwd()}\n" in text
    assert len(programs) == 1
    assert subprocess.run([programs.pop(), "--version"], check=True, capture_output=True).stdout


def test_names_with_blanks_and_percent_signs_work_in_the_crontab() -> None:
    """Cron ends a command at `%`, and the shell a name at a blank; an assignment takes both."""
    example = "A=/srv/comms\n* * * * * /srv/comms/.venv/bin/comms load > /srv/comms/last.log\n"
    example += "# 5 * * * * /srv/comms/.venv/bin/comms status\n# In /srv/comms.\n"

    made = crontab(example, folder=Path("/a b/50%"), program="/my env/comms")

    load = "* * * * * '/my env/comms' load > '/a b/50\\%/last.log'\n"
    assert made == f"A=/a b/50%\n{load}# 5 * * * * '/my env/comms' status\n# In /a b/50%.\n"


def test_another_folder_can_be_named(tmp_path: Path) -> None:
    """By the option that all commands have; this folder does not change."""
    there = tmp_path / "there"
    there.mkdir()

    assert comms("--project", str(there), "init").exit_code == 0
    assert f"COMMS_PROJECT={there}\n" in (there / "crontab.example").read_text()


def test_a_folder_that_is_not_writable_is_reported() -> None:
    """In one line with the file, and exit code 2; here a file exists instead of a folder."""
    Path(".dlt").touch()

    done = comms("init")

    assert done.exit_code == 2
    assert "config.toml cannot be written" in done.output


def test_the_settings_that_are_written_can_be_read() -> None:
    """Both files are TOML, and contain no value that could be mistaken for a secret."""
    comms("init")

    settings = tomllib.loads(Path(".dlt/config.toml").read_text(encoding="utf-8"))
    secrets = tomllib.loads(Path(".dlt/example.secrets.toml").read_text(encoding="utf-8"))
    assert settings["sources"]["comms_source"] == {}
    assert secrets["sources"]["comms_source"]["credentials"]["api_key_secret"] == "..."
