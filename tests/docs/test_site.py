"""The built site is whole, and asks nothing of the network; `make docs` builds it."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import ROOT, anchors

SITE: Final = ROOT / os.environ.get("SITE", "no site was built")
LOADED: Final = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "srcset"}
"""The attribute with an address that a browser loads by itself, by element."""
_IN_STYLE: Final = re.compile(r"(?:url\(|@import)\s*[\"']?(https?:)?//", re.IGNORECASE)

if not SITE.exists():
    pytest.skip("make docs builds the site and tests it", allow_module_level=True)

FILES: Final = sorted(SITE.rglob("*.html"))


class Addresses(HTMLParser):
    """What a page loads, and where its links lead."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.classes: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the attributes that matter."""
        named = {name: value or "" for name, value in attrs}
        self.ids |= {named.get("id", "")}
        self.classes |= set(named.get("class", "").split())
        if named.get(LOADED.get(tag, "")) and named.get("rel") != "canonical":
            self.loaded.append(named[LOADED[tag]])
        if tag == "a" and "href" in named:
            self.links.append(named["href"])


def problem(page: Path, address: str) -> str | None:
    """What is wrong with an address within the site; None if there is such a file and anchor."""
    parts = urlsplit(address)
    there = page.parent.joinpath(unquote(parts.path)).resolve() if parts.path else page
    if there.is_dir():
        there /= "index.html"
    if not there.is_file():
        return f"no such file: {address}"
    if parts.fragment and there.suffix == ".html":
        ids = Addresses(there).ids | {"__toc", "__drawer", "__search"}
        return None if unquote(parts.fragment) in ids else f"no such anchor: {address}"
    return None


@pytest.mark.parametrize("page", FILES, ids=lambda path: str(path.relative_to(SITE)))
def test_a_page_loads_only_files_of_the_site(page: Path) -> None:
    """No script, style, font or picture from elsewhere; and no diagram, whose script would be."""
    found = Addresses(page)
    text = page.read_text(encoding="utf-8")
    local = [each for each in found.loaded if not each.startswith("data:")]

    assert [each for each in local if "//" in each] == []
    assert not _IN_STYLE.search(text)
    assert "mermaid" not in found.classes
    if page.name != "404.html":  # it names its files from the root of a server
        assert [wrong for each in local if (wrong := problem(page, each))] == []


def test_the_styles_load_only_files_of_the_site() -> None:
    """Fonts, above all."""
    styles = sorted(SITE.rglob("*.css"))

    assert styles
    assert [path for path in styles if _IN_STYLE.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("page", FILES, ids=lambda path: str(path.relative_to(SITE)))
def test_every_link_within_the_site_works(page: Path) -> None:
    """To a page, to a heading and to a copied file."""
    if page.name == "404.html":
        return
    links = {each for each in Addresses(page).links if not urlsplit(each).scheme}

    assert [wrong for each in sorted(links) if (wrong := problem(page, each))] == []


def test_the_search_knows_every_page() -> None:
    """From a file that a browser may read from a disk."""
    index = (SITE / "search/search_index.js").read_text(encoding="utf-8")

    for page in FILES:
        if page.name != "404.html":
            assert f'"location":"{page.relative_to(SITE).as_posix()}"' in index


def test_anchors_are_those_of_the_sources() -> None:
    """So that the fast test of links, which does not build the site, tests the same."""
    page = Addresses(SITE / "measures.html")

    assert anchors("docs/measures.md") <= page.ids
