"""The generated pages are current."""

from __future__ import annotations

import pytest

from tests.docs import generate
from tests.docs.pages import text_of


@pytest.mark.parametrize("page", ["commands.md", "columns.md"])
def test_a_generated_page_is_current(page: str) -> None:
    """As `make pages` would write it now."""
    written = text_of(f"docs/{page}").split(generate.GENERATED)[1]

    assert written == f"\n{generate.pages()[page]}"
