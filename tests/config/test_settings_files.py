"""Files with settings that are not plain UTF-8 text in TOML, or cannot be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dlt
import pytest

from comms_source.config.dlt_internals import read_settings_file
from comms_source.errors import ConfigurationError
from tests.config.conftest import Configure

SECTION = "[sources.comms_source]\n"
NO_TOML = {
    "[sources.comms_source": "not valid TOML: unexpected .*line 1, column",
    f"{SECTION}page_size = \n": "not valid TOML: .*line 2, column",
    f"{SECTION}page_size = 1\npage_size = 2\n": "not valid TOML: .*page_size.*already exists",
}


@pytest.mark.parametrize("text", NO_TOML)
@pytest.mark.parametrize("name", ["config", "secrets"])
def test_a_file_that_is_no_toml_is_named(configure: Configure, name: str, text: str) -> None:
    """The first request for a setting gets one sentence with the file and what is wrong in it."""
    with pytest.raises(
        ConfigurationError, match=rf"^\.dlt/{name}\.toml is {NO_TOML[text]}"
    ) as raised:
        configure(**{name: text})

    assert "\n" not in str(raised.value)


def test_a_byte_order_mark_is_no_part_of_a_file(configure: Configure) -> None:
    """As some editors write it."""
    configure(config=b"\xef\xbb\xbf" + f"{SECTION}page_size = 7\n".encode())

    assert dlt.config["sources.comms_source.page_size"] == 7


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-16", "is in UTF-16"),
        ("utf-16-le", "is in UTF-16"),
        ("latin-1", "is not in UTF-8: line 2 "),
    ],
)
def test_another_encoding_is_reported(configure: Configure, encoding: str, said: str) -> None:
    """It is not guessed; a byte that no text has is found with its line."""
    with pytest.raises(ConfigurationError, match=rf"^\.dlt/config\.toml {said}.*save .*UTF-8$"):
        configure(config=f'{SECTION}account = "café"\n'.encode(encoding))


def test_a_folder_in_the_place_of_a_file_is_reported(configure: Configure) -> None:
    """The settings that should be there would be missing."""
    Path(".dlt/secrets.toml").mkdir(parents=True)

    with pytest.raises(ConfigurationError, match=r"^\.dlt/secrets\.toml is a folder; "):
        configure()


def test_a_file_that_may_not_be_read_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason that the system gives."""

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    file = tmp_path / "config.toml"
    file.touch()
    monkeypatch.setattr(Path, "read_bytes", refuse)

    with pytest.raises(ConfigurationError, match=r"config\.toml cannot be read: Permission denied"):
        read_settings_file(file)


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    """Nor is one in a folder that is none."""
    (tmp_path / "file").touch()

    assert read_settings_file(tmp_path / "config.toml") is None
    assert read_settings_file(tmp_path / "file" / "config.toml") is None


@pytest.mark.slow
@pytest.mark.parametrize("command", ["load", "status", "plan", "report", "views", "check", "demo"])
def test_each_command_tells_it_in_one_line(command: str, tmp_path: Path) -> None:
    """With exit code 2, and as JSON where the command has that."""
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt/config.toml").write_text("[sources")
    has_json = command not in {"views", "demo"}

    done = subprocess.run(
        [sys.executable, "-c", "from comms_source.cli import main; main()", command]
        + ["--json"] * has_json,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "HOME": str(tmp_path)},
    )

    assert done.returncode == 2
    assert done.stderr.startswith("comms: ConfigurationError: .dlt/config.toml is not valid TOML")
    assert len(done.stderr.splitlines()) == 1
    if has_json:
        assert json.loads(done.stdout)["error"] == "ConfigurationError"
