"""The shell commands in the documentation: they exist, and run against the sandbox."""

from __future__ import annotations

import re

import pytest
from typer.exceptions import TyperException

from comms_source.sandbox import Sandbox
from tests.docs.command_lines import (
    check_packages,
    commands,
    parse_comms,
    run_commands,
    without_variables,
)
from tests.docs.pages import Block, blocks, text_of

CONSOLE = blocks("console")
RUN = [block for block in CONSOLE if block.reason is None]


@pytest.mark.parametrize("block", CONSOLE, ids=str)
def test_every_command_exists(block: Block) -> None:
    """Of `comms`, with its options; and the extras of this project, where pip installs them."""
    for command in commands(block):
        match without_variables(command):
            case ["comms", *arguments]:
                parse_comms(arguments)
            case ["pip", "install", *packages]:
                check_packages(packages)


@pytest.mark.parametrize("wrong", [["lode"], ["load", "--fool"], ["load", "more"], ["backfill"]])
def test_a_wrong_command_is_found(wrong: list[str]) -> None:
    """A command or option that does not exist, an argument too many or one too few."""
    with pytest.raises(TyperException):
        parse_comms(wrong)


@pytest.mark.parametrize(
    "page",
    [
        page if page == "README.md" else pytest.param(page, marks=pytest.mark.slow)
        for page in sorted({block.page for block in RUN})
    ],
)
def test_the_commands_run(
    page: str,
    configured: Sandbox,  # noqa: ARG001 - the API
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those of a page one after the other, each with exit code 0."""
    printed = [
        text for block in RUN if block.page == page for text in run_commands(block, monkeypatch)
    ]

    assert printed or page not in {"README.md", "docs/quickstart.md"}
    if page == "README.md":
        (shown,) = (block.text for block in blocks("text") if "no outcome" in block.text)
        assert shape(shown) <= shape(printed[0])


def shape(text: str) -> set[str]:
    """The lines of an output, without numbers, spaces and the folder."""
    plain = re.sub(r"(\S*/)?(comms_demo\.duckdb)", r"\2", text)
    words = re.sub(r"[\d.,]+|[^\S\n]+", " ", plain).replace("pages", "page")
    return {" ".join(line.split()) for line in words.splitlines()}


def test_the_commands_of_make_exist() -> None:
    """Each that a page names is in the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), flags=re.MULTILINE))
    pages = ("README.md", "CONTRIBUTING.md", "docs/quickstart.md", "docs/scheduling.md")

    for page in pages:
        named = re.findall(r"(?:`|^)make ([a-z]+)", text_of(page), flags=re.MULTILINE)
        assert named, page
        assert set(named) <= targets
