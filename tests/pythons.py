"""Tests the wheel in every installed version of Python.

    python -m tests.pythons --environments .pythons

For each version, a virtual environment is created with only the wheel and its dependencies. In an
empty folder and with a bare environment it must load from a sandbox. Then the dependencies of the
tests are installed, and the tests of the source distribution run with the wheel's package. The
version that runs this script is left out: `make test` covers it. A version that is not installed is
reported, and is not a failure. Before that, pip resolves all extras with `constraints.txt`.

The dependencies differ: one version has the oldest ones that `pyproject.toml` allows, another one
a newer DuckDB than all other tests. Tests are left out that would find nothing new: the simulation
and the sandbox, which are pure, PostgreSQL, which is the same server, scripts that do what commands
do, and most kinds of runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox, SandboxSettings

ROOT: Final = Path(__file__).parents[1]
VERSIONS: Final = ("3.11", "3.12", "3.13", "3.14")
LEAST: Final = "3.12"
NEWER: Final = {"3.13": ["duckdb==2.0.0"]}
EXTRAS: Final = ("metrics", "report", "sandbox")
HOURS: Final = 3600
TESTED: Final = (
    "tests/config",
    "tests/core",
    "tests/views",
    "tests/cli/test_help.py",
    "tests/cli/test_pipelines.py",
    "tests/cli/test_status_metrics.py",
    "tests/report/test_report_charts.py",
    "tests/report/test_report_figures.py",
    "tests/report/test_report_page.py",
    "tests/runs/test_details.py",
    "tests/runs/test_dlt_idioms.py",
    "tests/runs/test_loading.py",
    "tests/runs/test_opening.py",
    "tests/runs/test_source.py",
)
"""What may depend on the versions: SQL, Arrow, types, help, charts, and a run of each kind."""
SLOW_TOO: Final = ("-m", "")
LEFT_OUT: Final = ("-k", "not postgres and not pgbouncer and not test_the_script")
CAREFULLY: Final[dict[str, Any]] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""How to unpack; Python before 3.11.4 has no such argument."""


def main() -> int:
    """Test each version; the exit code is 1 if one fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--environments", type=Path, required=True)
    folder: Path = parser.parse_args().environments.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "build", "--quiet", "--outdir", folder, ROOT])
    (wheel,), (sources,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    try_extras(wheel)
    failed = []
    for version in VERSIONS:
        began = time.monotonic()
        outcome = attempt(version, wheel=wheel, sources=sources, folder=folder / version)
        say(f"Python {version}: {outcome} ({time.monotonic() - began:.0f} s)")
        failed += [version] if "failed" in outcome else []
    return 1 if failed else 0


def try_extras(wheel: Path) -> None:
    """Have pip find versions for all extras at once that `constraints.txt` allows.

    Raises:
        subprocess.CalledProcessError: if there are none.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    everything = f"{wheel}[{','.join(project['optional-dependencies'])}]"
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet"]
    run([*pip, "--constraint", ROOT / "constraints.txt", everything])
    say("constraints.txt fits every extra")


def attempt(version: str, *, wheel: Path, sources: Path, folder: Path) -> str:
    """The result of one version."""
    if version == ".".join(map(str, sys.version_info[:2])):
        return "left to make test"
    python = find(version)
    if python is None:
        return "not installed"
    say(f"Python {version}: {python}")
    try:
        try_out(version, python, wheel=wheel, sources=sources, folder=folder)
    except subprocess.CalledProcessError as error:
        say("\n".join(filter(None, [error.stdout, error.stderr])))
        return f"failed at {Path(error.cmd[0]).name} {' '.join(map(str, error.cmd[1:3]))}"
    return "passed"


def find(version: str) -> Path | None:
    """A working interpreter of this version: in the path, or one of pyenv's."""
    for candidate in candidates(version):
        try:
            asked: list[str | Path] = [
                candidate,
                "-c",
                "import sys; print('%d.%d' % sys.version_info[:2])",
            ]
            if run(asked).strip() == version:
                return candidate
        except (subprocess.CalledProcessError, OSError):
            continue  # a shim of pyenv for a version that is not active
    return None


def candidates(version: str) -> Iterator[Path]:
    """The interpreters to try."""
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)
    if shutil.which("pyenv"):
        installed = run(["pyenv", "versions", "--bare", "--skip-aliases"]).split()
        for name in reversed([each for each in installed if each.startswith(f"{version}.")]):
            yield Path(run(["pyenv", "prefix", name]).strip()) / "bin" / "python"


def try_out(version: str, python: Path, *, wheel: Path, sources: Path, folder: Path) -> None:
    """Load with only the wheel, then run the tests.

    Raises:
        subprocess.CalledProcessError: if anything fails.
    """
    run([python, "-m", "venv", folder])
    pins = folder / "constraints.txt"
    pins.write_text("\n".join(constraints(version)))
    quietly = ("--quiet", "--disable-pip-version-check", "--constraint", pins)
    install: list[str | Path] = [folder / "bin" / "python", "-m", "pip", "install", *quietly]
    run([*install, "--upgrade", "pip>=25.1"])
    run([*install, wheel])
    load_from_nothing(folder)
    say("  the wheel alone loads from a sandbox; now the tests")
    run([*install, "--group", f"{ROOT / 'pyproject.toml'}:test", f"{wheel}[{','.join(EXTRAS)}]"])
    run_tests(sources, folder=folder)


def constraints(version: str) -> list[str]:
    """The pinned dependencies of a version of Python: `constraints.txt`, with exceptions."""
    other = least() if version == LEAST else NEWER.get(version, [])
    if other:
        say(f"  with {', '.join(other)}")
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    names = {_name(each) for each in other}
    names |= {f"{name}-stubs" for name in names}  # which need the version that they describe
    return [*other, *(each for each in pinned if _name(each) not in names)]


def _name(pin: str) -> str:
    """The name in a pin; pip takes `prometheus_client` and `Prometheus-Client` for one project."""
    return pin.partition("==")[0].lower().replace("_", "-")


def least() -> list[str]:
    """The oldest versions of the project's direct dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    required = [*project["dependencies"], *(each for extra in EXTRAS for each in optional[extra])]
    return [each.partition(",")[0].replace(">=", "==") for each in required]


def run_tests(sources: Path, *, folder: Path) -> None:
    """Run the tests of the source distribution in an environment, with the installed package.

    Raises:
        subprocess.CalledProcessError: if one fails.
    """
    with tarfile.open(sources) as archive:
        archive.extractall(folder, **CAREFULLY)
    (unpacked,) = folder.glob("comms_source-*/")
    packages = next(folder.glob("lib/*/site-packages"))
    # Behind the packages, so that the tests find the wheel's comms_source and not their own.
    (packages / "tests.pth").write_text(f"{unpacked}\n")
    asking = "import comms_source; print(comms_source.__file__)"
    where: list[str | Path] = [folder / "bin" / "python", "-c", asking]
    if not Path(run(where, cwd=folder).strip()).is_relative_to(packages):
        raise subprocess.CalledProcessError(1, where, "the tests would not run on the wheel")
    pytest = (folder / "bin" / "pytest", "-q", "--override-ini", "pythonpath=")
    parallel = ("--numprocesses", "2", "--dist", "worksteal")
    run([*pytest, *TESTED, *SLOW_TOO, *LEFT_OUT, *parallel], cwd=unpacked, shown=True)


def load_from_nothing(environment: Path) -> None:
    """In an empty folder: `comms init`, two variables, `comms load`.

    Raises:
        subprocess.CalledProcessError: if one of the commands fails.
    """
    project = environment / "project"
    project.mkdir()
    comms = environment / "bin" / "comms"
    with Sandbox(SandboxSettings(operations_per_week=100)) as sandbox:
        surroundings = {
            "SOURCES__COMMS_SOURCE__BASE_URL": sandbox.url,
            "TWILIO_ACCOUNT_SID": ACCOUNT_ID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "DLT_DATA_DIR": str(environment / "dlt"),
        }
        for command in ("init", "check", "load", "status"):
            run([comms, command], cwd=project, env=surroundings)


def say(text: str) -> None:
    """Print without buffering, so that a log shows the progress."""
    print(text, flush=True)  # noqa: T201 - a script


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    shown: bool = False,
) -> str:
    """Run a command with a time limit; returns its output unless it is `shown` directly.

    Raises:
        subprocess.CalledProcessError: if it fails.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": ""} if env is None else env,
        capture_output=not shown,
        text=True,
        check=True,
        timeout=HOURS,
    )
    return done.stdout or ""


if __name__ == "__main__":
    sys.exit(main())
