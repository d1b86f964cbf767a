"""Runs the lines of a block of shell commands: `comms` here, the others as far as they can be."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from typer.testing import CliRunner, Result

from comms_source.cli.app import app
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN
from tests.docs.pages import ROOT, Block, text_of

SANDBOX: Final = {
    "ACCOUNT_SID": ACCOUNT_ID,
    "AUTH_TOKEN": AUTH_TOKEN,
    "API_KEY": ACCOUNT_ID,
    "API_KEY_SECRET": AUTH_TOKEN,
}
"""What stands for the credentials that a page leaves out, by the last words of their variables."""
_ASSIGNED: Final = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)", re.DOTALL)


def commands(block: Block) -> list[list[str]]:
    """The words of each command of a block; comments are left out, `&&` separates commands."""
    found: list[list[str]] = []
    for line in _lines(block.text):
        found.append([])
        for word in shlex.split(line, comments=True):
            if word == "&&":
                found.append([])
            else:
                found[-1].append(word)
    return [command for command in found if command]


def _lines(text: str) -> Iterator[str]:
    """The lines of a text; one that ends within double quotes goes on with the next."""
    waiting = ""
    for line in text.splitlines():
        waiting += line
        if waiting.count('"') % 2:
            waiting += "\n"
            continue
        yield waiting
        waiting = ""


def without_variables(command: list[str]) -> list[str]:
    """A command without the variables that are set before it."""
    first = next((n for n, word in enumerate(command) if not _ASSIGNED.fullmatch(word)), None)
    return [] if first is None else command[first:]


def parse_comms(words: list[str]) -> None:
    """Parse the words after `comms`, and run nothing.

    Raises:
        Exception: click's `UsageError`, if there is no such command or option.
    """
    group: Any = typer.main.get_command(app)
    context = group.context_class(group, info_name="comms")
    rest = group.parse_args(context, list(words)) or context._protected_args + context.args
    name, command, rest = group.resolve_command(context, context._protected_args + context.args)
    command.make_context(name, list(rest), parent=context)


def run_commands(block: Block, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run the commands of a block; returns what each of `comms` printed.

    Raises:
        AssertionError: if one fails, or cannot be run here.
    """
    printed = []
    for command in commands(block):
        with monkeypatch.context() as only_here:
            words = _set_variables(
                command, only_here if without_variables(command) else monkeypatch
            )
            if not words:
                continue
            if words[0] == "export":
                _set_variables(words[1:], monkeypatch)
                continue
            printed += [_run(words, monkeypatch)]
    return printed


def _set_variables(words: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Set the variables that come first; returns the words after them."""
    rest = without_variables(words)
    for word in words[: len(words) - len(rest)]:
        name, value = word.split("=", 1)
        if value.endswith("..."):
            value = next(
                SANDBOX[end] for end in sorted(SANDBOX, key=len)[::-1] if name.endswith(end)
            )
        monkeypatch.setenv(name, value)
    return rest


def _run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    match [Path(words[0]).name or words[0], *words[1:]]:
        case ["comms", *arguments]:
            return _comms(arguments)
        case ["make", "run"]:
            assert "else $(BIN)/comms demo --html comms_demo.html" in text_of("Makefile")
            return _comms(["demo", "--html", "comms_demo.html", "--operations", "60"])
        case ["make", target]:
            assert f"\n{target}: " in text_of("Makefile")
        case ["pip", "install", *packages]:
            check_packages(packages)
        case ["python3", "-m", "venv", folder]:
            Path(folder).expanduser().mkdir(parents=True)
        case [".", _]:
            pass  # the environment of the tests is active
        case ["cd", folder]:
            monkeypatch.chdir(Path(folder).expanduser())
        case ["python", "-c", script]:
            subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
        case _:
            raise AssertionError(f"{words[0]} is not run here; say why before the block")
    return ""


def _comms(arguments: list[str]) -> str:
    result: Result = CliRunner().invoke(app, arguments, env=dict(os.environ))
    assert result.exit_code == 0, f"comms {' '.join(arguments)}: {result.output}"
    return result.output


def check_packages(words: list[str]) -> None:
    """The extras of this project that pip is given exist."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"^(?:\.|comms-source)\[([\w,]+)\]", "\n".join(words), re.MULTILINE):
        assert set(extras.split(",")) <= project["optional-dependencies"].keys()
