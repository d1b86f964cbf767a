"""The generated pages are current, and the source distribution has all pages."""

from __future__ import annotations

import tomllib

import pytest

from tests.docs import generate
from tests.docs.pages import PAGES, text_of


@pytest.mark.parametrize("page", ["commands.md", "columns.md"])
def test_a_generated_page_is_current(page: str) -> None:
    """As `make pages` would write it now."""
    written = text_of(f"docs/{page}").split(generate.GENERATED)[1]

    assert written == f"\n{generate.pages()[page]}"


def test_the_source_distribution_has_the_documentation() -> None:
    """The tests run there too, and read all of these files."""
    targets = tomllib.loads(text_of("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]
    included = tuple(targets["sdist"]["include"])

    for path in (*PAGES, "mkdocs.yml", "Makefile", "docs/site/hooks.py"):
        assert f"/{path}".startswith(included), path
