"""The built wheel, installed elsewhere, is all that a user needs."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from comms_source.channels import CHANNELS
from comms_source.commands.init import DBT_FILES
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox
from tests.support import last_second, stored, true

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
        timeout=120,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_contains_only_comms_source(wheel: Path) -> None:
    """No tests, no scripts, no separate folder `sql`; views and web page are in the package."""
    names = zipfile.ZipFile(wheel).namelist()

    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"comms_source"}
    assert "comms_source/sql/marts/operations.sql" in names
    assert "comms_source/py.typed" in names
    assert {f"comms_source/report/html/page.{kind}" for kind in ("css", "html.jinja")} <= {*names}


def test_the_wheel_contains_what_init_writes(wheel: Path) -> None:
    """The settings and all files for schedulers, unchanged; no file is in it twice."""
    built = zipfile.ZipFile(wheel)
    sources = [*(ROOT / "pipelines").glob("*.*"), *(ROOT / ".dlt").glob("*.toml")]
    sources += [path for pattern in DBT_FILES for path in (ROOT / "dbt").glob(pattern)]
    names = [path.relative_to(ROOT).as_posix() for path in sources if path.name != "secrets.toml"]

    assert len(set(built.namelist())) == len(built.namelist())
    for name in names:
        assert built.read(f"comms_source/project/{name}") == (ROOT / name).read_bytes()
    packed = {name for name in built.namelist() if name.startswith("comms_source/project/")}
    assert packed == {f"comms_source/project/{name}" for name in names}


@pytest.mark.slow
def test_the_wheel_loads_in_an_empty_folder(wheel: Path, tmp_path: Path, sandbox: Sandbox) -> None:
    """In a virtual environment with its dependencies, and an environment as bare as cron's."""
    home = tmp_path / "environment"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel],
        check=True,
        capture_output=True,
        timeout=120,
    )
    packages = next(home.glob("lib/*/site-packages"))
    here = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "dependencies.pth").write_text(f"{here}\n")
    sandbox.clock.set(last_second())
    surroundings = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "SOURCES__COMMS_SOURCE__BASE_URL": sandbox.url,
        "TWILIO_ACCOUNT_SID": ACCOUNT_ID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    }

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            command, env=surroundings, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "wrote  .dlt/config.toml\n" in run(home / "bin" / "comms", "init")
    (program,) = set(
        re.findall(r"\S+/comms(?= load)", Path("crontab.example").read_text(encoding="utf-8"))
    )
    assert "push_notifications" in run(program, "load")
    assert str(packages) in run(python, "-c", "import comms_source; print(comms_source.__file__)")
    assert all(stored(channel) == true(sandbox, channel) for channel in CHANNELS)
