"""One virtual environment per participant, kept between benchmarks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.bench.errors import BenchError

_PROJECT: Final = Path(__file__).resolve().parents[2]


def comms_in(cache: Path) -> Path:
    """The command of this project, in an environment `ours` with what its users install.

    The environment for development has more, such as SQLAlchemy, which dlt imports if it is there.

    Raises:
        BenchError: if the environment cannot be created.
    """
    constraints = _PROJECT / "constraints.txt"
    files = [_PROJECT / "pyproject.toml", constraints]
    python = _python_in(
        cache / "ours",
        made_from="\n".join([str(_PROJECT), *(file.read_text(encoding="utf-8") for file in files)]),
        arguments=["--constraint", str(constraints), "--editable", str(_PROJECT)],
    )
    return python.with_name("comms")


def python_for(*, name: str, requirements: Path, cache: Path) -> Path:
    """The Python of the environment `name` below `cache`, which is created if necessary.

    A copy of the requirements is written beside it at the end. Without a copy that equals
    `requirements`, the environment is unfinished or outdated, and is created again.

    Raises:
        BenchError: if it cannot be created.
    """
    return _python_in(
        cache / name,
        made_from=requirements.read_text(encoding="utf-8"),
        arguments=["-r", str(requirements)],
    )


def _python_in(environment: Path, *, made_from: str, arguments: list[str]) -> Path:
    record = environment.with_name(f"{environment.name}.txt")
    python = environment / "bin" / "python"
    if not (python.exists() and _text_of(record) == made_from):
        record.unlink(missing_ok=True)
        _hide_from_git(environment.parent)
        _make(environment, arguments)
        record.write_text(made_from, encoding="utf-8")
    return python.absolute()


def _text_of(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None


def _hide_from_git(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n", encoding="utf-8")


def _make(environment: Path, arguments: list[str]) -> None:
    python = environment / "bin" / "python"
    quietly = ["--quiet", "--disable-pip-version-check"]
    _run(sys.executable, "-m", "venv", "--clear", str(environment), what=environment.name)
    _run(str(python), "-m", "pip", "install", *quietly, *arguments, what=environment.name)


def _run(*command: str, what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        output = (done.stderr or done.stdout).strip()
        raise BenchError(
            f"The environment of {what} could not be created, see below. Run again, or leave it "
            f"out with --only.\n{output}"
        )
