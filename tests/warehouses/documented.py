"""The settings of each warehouse in docs/warehouses.md, as files of a project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

PAGE: Final = Path(__file__).parents[2] / "docs/warehouses.md"
_FRAGMENT: Final = re.compile(r"```toml\n# (?P<file>\S+)\n(?P<text>.+?)```", re.DOTALL)


def fragments() -> dict[str, dict[str, str]]:
    """The documented text, by the warehouse's name in dlt and by file."""
    sections = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
    return {
        section.split("\n")[0].lower(): {
            match["file"]: match["text"] for match in _FRAGMENT.finditer(section)
        }
        for section in sections
    }


@contextmanager
def configured(warehouse: str) -> Iterator[None]:
    """Make this folder a project with the settings of a warehouse, for dlt to read."""
    for name, text in fragments()[warehouse].items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    context = Container()[PluggableRunContext]
    context.reload_providers()
    try:
        yield
    finally:
        for name in fragments()[warehouse]:
            Path(name).unlink()
        context.reload_providers()
