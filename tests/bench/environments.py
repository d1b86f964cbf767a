"""One virtual environment per peer, kept between benchmarks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bench.errors import BenchError


def python_for(*, name: str, requirements: Path, cache: Path) -> Path:
    """The Python of the environment `name` below `cache`, which is created if necessary.

    A copy of the requirements is written beside it at the end. Without a copy that equals
    `requirements`, the environment is unfinished or outdated, and is created again.

    Raises:
        BenchError: if it cannot be created.
    """
    wanted = requirements.read_text(encoding="utf-8")
    environment, made_from = cache / name, cache / f"{name}.txt"
    python = environment / "bin" / "python"
    if not (python.exists() and _text_of(made_from) == wanted):
        made_from.unlink(missing_ok=True)
        _hide_from_git(cache)
        _make(environment=environment, requirements=requirements)
        made_from.write_text(wanted, encoding="utf-8")
    return python.absolute()


def _text_of(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None


def _hide_from_git(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n", encoding="utf-8")


def _make(*, environment: Path, requirements: Path) -> None:
    python = environment / "bin" / "python"
    quietly = ["--quiet", "--disable-pip-version-check"]
    _run(sys.executable, "-m", "venv", "--clear", str(environment), what=environment.name)
    _run(
        str(python), "-m", "pip", "install", *quietly, "-r", str(requirements),
        what=environment.name,
    )  # fmt: skip


def _run(*command: str, what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        output = (done.stderr or done.stdout).strip()
        raise BenchError(
            f"The environment of {what} could not be created, see below. Run again, or leave it "
            f"out with --only.\n{output}"
        )
