"""A project's settings files, which dlt reads again in each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs import PluggableRunContext

import comms_source.config.dlt_internals  # noqa: F401 - it changes how files are read

Configure = Callable[..., None]


@pytest.fixture
def configure(clean_surroundings: None) -> Iterator[Configure]:  # noqa: ARG001 - first
    """Writes files into `.dlt` of this folder, as bytes or text by their names, and reads them."""

    def write_and_read(**files: bytes | str) -> None:
        Path(".dlt").mkdir(exist_ok=True)
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            Path(f".dlt/{name}.toml").write_bytes(data)
        Container()[PluggableRunContext].reload(".")

    yield write_and_read
    shutil.rmtree(".dlt", ignore_errors=True)
    Container()[PluggableRunContext].reload(".")
