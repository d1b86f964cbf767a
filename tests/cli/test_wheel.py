"""The built wheel, installed elsewhere, is all that a user needs."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

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


def test_the_wheel_adds_nothing_but_comms_source(wheel: Path) -> None:
    """No tests, no scripts, no folder `sql` beside the package; views and page are inside it."""
    names = zipfile.ZipFile(wheel).namelist()

    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"comms_source"}
    assert "comms_source/sql/operations.sql" in names
    assert "comms_source/py.typed" in names
    assert {f"comms_source/report/page/page.{kind}" for kind in ("css", "html.jinja")} <= {*names}


def test_installed_elsewhere_comms_works_with_its_views(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own that has the dependencies, from a folder that has nothing."""
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

    done = subprocess.run(
        [home / "bin" / "comms", "demo", "--operations", "100"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    where = subprocess.run(
        [python, "-c", "import comms_source; print(comms_source.__file__)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.returncode == 0, done.stderr
    assert "push_notifications" in done.stdout
    assert str(packages) in where.stdout
