"""The documentation of the sandbox is complete: options, settings, faults and endpoints."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from inspect import getsource
from pathlib import Path
from typing import Any

import pytest
import typer

from comms_source.channels import CHANNELS
from comms_source.cli.app import app
from comms_source.sandbox import Fault, SandboxSettings, Trouble, sample_names, troubles_from
from comms_source.sandbox.app import create_app
from comms_source.sandbox.faults import KINDS
from comms_source.sandbox.troubles import KINDS as TROUBLES

PAGE = (Path(__file__).parents[2] / "docs/sandbox.md").read_text()


def section(heading: str) -> str:
    """The text below a heading."""
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def table(heading: str, column: str) -> list[list[str]]:
    """The rows of the table in a section with this name of the first column."""
    block = section(heading).split(f"| {column} |")[1].split("\n\n")[0]
    lines = block.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def named(cell: str) -> list[str]:
    """The names in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def plain(value: Any) -> str:
    """A default as the page shows it."""
    return f"{value:g}" if isinstance(value, float) else "no" if value is False else str(value)


def test_the_limits_come_first() -> None:
    """Before the section on how to start it."""
    headings = re.findall(r"^## (.+)$", PAGE, flags=re.MULTILINE)

    assert headings[:2] == ["Limits", "Start"]


def test_every_command_option_is_in_the_table() -> None:
    """With its default, in the order of `comms sandbox --help`."""
    command: Any = typer.main.get_command(app)
    options = {
        option.opts[0]: option.default
        for option in command.commands["sandbox"].params
        if option.name != "help"
    }
    documented = {named(row[0])[0]: row[1] for row in table("Start", "option")}

    assert list(documented) == list(options)
    for name, default in options.items():
        if default is not None:
            assert documented[name] == plain(default)


def test_every_setting_is_in_the_table() -> None:
    """And no other name is."""
    documented = [named(row[0])[0] for row in table("In tests", "setting")]

    assert documented == [field.name for field in fields(SandboxSettings)]


def test_every_kind_of_fault_is_in_the_table_once() -> None:
    """And no other kind is."""
    documented = [kind for row in table("Faults", "kind") for kind in named(row[0])]

    assert sorted(documented) == sorted(KINDS)


def test_every_key_of_a_fault_is_in_the_table() -> None:
    """With its default, and no other key is."""
    documented = {named(row[0])[0]: row[1] for row in table("Faults", "key")}
    defaults = {field.name: getattr(Fault(kind="reset"), field.name) for field in fields(Fault)}

    assert list(documented) == list(defaults)
    for name in set(documented) - {"kind"}:
        default = "no end" if name == "count" else defaults[name] or "all"
        assert documented[name] == plain(default)


def test_every_kind_of_trouble_is_in_the_table() -> None:
    """With its default part, and no other kind is."""
    parts = {named(row[0])[0]: row[1] for row in table("Troubles", "kind")}

    assert parts.keys() == TROUBLES.keys()
    for name, kind in TROUBLES.items():
        assert f"by default {kind.default_part:g}:" in parts[name]


def test_every_key_of_a_trouble_is_in_the_table() -> None:
    """And no other key is."""
    keys = [named(row[0])[0] for row in table("Troubles", "key")]

    assert keys == [field.name for field in fields(Trouble)]


def test_the_example_of_troubles_can_be_read() -> None:
    """Exactly as on the page."""
    example = section("Troubles").split("```toml\n")[1].split("```")[0]
    troubles = troubles_from(tomllib.loads(example)["troubles"])

    assert [trouble.kind for trouble in troubles] == ["no_receipts", "delivery_down"]


def test_every_control_endpoint_is_in_the_table() -> None:
    """With its methods."""
    rows = table("Control it while it runs", "request")
    documented = {endpoint for row in rows for endpoint in named(row[0])}

    assert documented == {
        f"{method} {path}"
        for path, methods in re.findall(r'Route\("([^"]+)".+methods=(.+)\)', getsource(create_app))
        for method in re.findall("[A-Z]+", methods)
    }


@pytest.mark.parametrize("name", [*CHANNELS, *sample_names()])
def test_every_channel_and_sample_is_on_the_page(name: str) -> None:
    """As a selector of faults, or as a sample to serve."""
    assert name in {each for cell in PAGE.splitlines() for each in named(cell)}


def test_the_example_in_python_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly as on the page."""
    example = section("In tests").split("```python\n")[1].split("```")[0]
    monkeypatch.setenv("NO_PROXY", "*")
    exec(example, {})
