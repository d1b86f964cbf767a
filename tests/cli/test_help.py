"""The help of every command."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
import typer
from typer.testing import CliRunner

from comms_source.cli.app import app

GROUP = typer.main.get_command(app)
COMMANDS = GROUP.commands  # type: ignore[attr-defined]


def help_of(*command: str) -> list[str]:
    """The lines of a help text."""
    return CliRunner().invoke(app, [*command, "--help"]).output.splitlines()


@pytest.fixture(params=[80, 120])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The width of the terminal."""
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


def test_each_command_has_one_line_in_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence that ends there."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = help_of()
    start = next(number for number, line in enumerate(lines) if "─ Commands ─" in line)

    for line, name in zip(lines[start + 1 :], COMMANDS, strict=False):
        assert re.fullmatch(rf"│ {name} +[A-Z].*\. +│", line)


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_no_name_is_cut_or_broken(command: tuple[str, ...], width: int) -> None:
    """Each option is whole, and no word is shortened."""
    lines = help_of(*command)
    text = "\n".join(lines)

    assert max(map(len, lines)) <= width
    assert "…" not in text
    options = COMMANDS[command[0]].params if command else GROUP.params
    for option in options:
        for name in (*option.opts, *option.secondary_opts):
            assert not name.startswith("-") or re.search(rf"{name}\b", text), name


@pytest.mark.parametrize("command", COMMANDS)
def test_paragraphs_fill_the_width(command: str, width: int) -> None:
    """They are not broken where the docstring is."""
    lines = help_of(command)
    start = next(number for number, line in enumerate(lines) if line.startswith("╭"))
    prose = [line.strip() for line in lines[:start]]

    for line, following in pairwise(prose):
        if line and following:
            assert len(line) + len(following.split()[0]) + 3 > width
