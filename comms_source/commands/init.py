"""The files that a folder needs to be a project: settings, a crontab, alerts, DAGs, a dbt package.

Each has one source, in this repository's `.dlt`, `pipelines` and `dbt`; a wheel brings copies of
these. What is in the folder already is never touched, but for lines that its `.gitignore` lacks.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from comms_source.errors import ConfigurationError

SETTINGS: Final = (".dlt/config.toml", ".dlt/example.secrets.toml")
CRONTAB: Final = "crontab.example"
ALERTS: Final = "alerts.rules.yml"
DAGS: Final = "airflow_*.py"
DBT: Final = "dbt"
"""The folder of the dbt package, here and in a project."""
DBT_FILES: Final = (
    *("README.md", "dbt_project.yml", "profiles.yml"),
    *("macros/*.sql", "models/**/*.*", "seeds/*.*", "tests/**/*.*"),
)
"""What belongs to the package; dbt writes other files beside it."""
NOT_FOR_GIT: Final = (".dlt/secrets.toml", "*.duckdb", "*.duckdb.wal")
"""Secrets, and databases."""
DBT_NOT_FOR_GIT: Final = ("dbt/target/", "dbt/logs/", "dbt/dbt_packages/", "dbt/.user.yml")
"""What dbt writes."""

_SAMPLE: Final = re.compile(r"/srv/comms(?P<rest>[\w./-]*)")
"""The folder that the example of a crontab is written for, and what is in it."""
_PROGRAM: Final = "/.venv/bin/comms"


@dataclass(frozen=True, slots=True)
class Written:
    """One file of the project, and what became of it."""

    path: str
    """Where it is, from the project's folder."""
    is_new: bool
    """Whether it was written now; else it was there, and was kept."""


def write_project(folder: Path, *, dbt: bool = False) -> list[Written]:
    """Write into `folder` what is not there yet; the same again changes nothing.

    Args:
        folder: The project's folder.
        dbt: Whether to write the dbt package too.

    Raises:
        ConfigurationError: if the folder cannot be written to.
    """
    sources = _sources()
    contents = {name: (sources / name).read_text(encoding="utf-8") for name in SETTINGS}
    example = (sources / "pipelines" / CRONTAB).read_text(encoding="utf-8")
    contents[CRONTAB] = crontab(example, folder=folder, program=_program())
    contents[ALERTS] = (sources / "pipelines" / ALERTS).read_text(encoding="utf-8")
    for dag in sorted((sources / "pipelines").glob(DAGS)):
        contents[f"dags/{dag.name}"] = dag.read_text(encoding="utf-8")
    if dbt:
        contents |= _dbt_package(sources)
    written = [Written(name, _write(folder / name, text)) for name, text in contents.items()]
    ignored = [*NOT_FOR_GIT, *(DBT_NOT_FOR_GIT if dbt else ())]
    return [*written, Written(".gitignore", _ignore(folder / ".gitignore", ignored))]


def crontab(example: str, *, folder: Path, program: str) -> str:
    """The example of a crontab, for this folder and this program.

    In commands, those in comments included, names are quoted as the shell wants it, and `%`, a
    line's end to cron, is escaped.
    """

    def here(match: re.Match[str]) -> str:
        return program if match["rest"] == _PROGRAM else f"{folder}{match['rest']}"

    def quoted(match: re.Match[str]) -> str:
        return shlex.quote(here(match)).replace("%", r"\%")

    lines = example.splitlines(keepends=True)
    return "".join(
        _SAMPLE.sub(here if re.match(r"#(?! [\d*])|\w+=", line) else quoted, line) for line in lines
    )


def _sources() -> Path:
    """Where the sources are: in an installed package, or in a checkout beside the package."""
    package = Path(str(files("comms_source")))
    for folder in (package / "project", package.parent):
        if all((folder / name).exists() for name in SETTINGS):
            return folder
    raise FileNotFoundError(
        f"no {SETTINGS[0]} in {package / 'project'}; install comms-source again"
    )


def _dbt_package(sources: Path) -> dict[str, str]:
    found = (path for pattern in DBT_FILES for path in sorted((sources / DBT).glob(pattern)))
    return {
        path.relative_to(sources).as_posix(): path.read_text(encoding="utf-8")
        for path in found
        if path.is_file()
    }


def _program() -> str:
    """The `comms` of this environment, by its full name if it has one."""
    beside = Path(sysconfig.get_path("scripts"), "comms")
    return str(beside) if beside.exists() else shutil.which("comms") or "comms"


def _write(file: Path, text: str) -> bool:
    with _explained(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("x", encoding="utf-8") as new:
                new.write(text)
        except FileExistsError:
            return False
    return True


def _ignore(file: Path, ignored: Sequence[str]) -> bool:
    """Add the lines that are missing, and tell whether any was."""
    with _explained(file):
        there = file.read_text(encoding="utf-8") if file.exists() else ""
        known = {line.strip().removeprefix("/") for line in there.splitlines()}
        missing = [line for line in ignored if line not in known]
        if not missing:
            return False
        with file.open("a", encoding="utf-8") as more:
            unfinished = there and not there.endswith("\n")
            more.write("\n".join([*([""] if unfinished else []), *missing, ""]))
    return True


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written: {error.strerror}; make room for it, or choose another "
            "folder with comms --project FOLDER init"
        ) from None
