"""The pages of the documentation: their headings, links and blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "sql/README.md", "dbt/README.md"),
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
)
"""All pages that people read, as paths from the root of the project."""

_FENCE: Final = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>[^>]+?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_CODE: Final = re.compile(r"`[^`]*`")
_HEADING: Final = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LINK: Final = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_PICTURE: Final = re.compile(r"\b(?:src|srcset)=\"([^\"]+)\"")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code on a page."""

    page: str
    number: int
    """Which of the page's blocks in this language it is, from 1."""
    language: str
    text: str
    reason: str | None
    """Why no test runs it; None if one does."""

    def __str__(self) -> str:
        """For the name of a test."""
        return f"{self.page}-{self.number}"


def text_of(page: str) -> str:
    """The text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(language: str) -> list[Block]:
    """The blocks in a language of all pages, in their order."""
    return [block for page in PAGES for block in _blocks(page, language)]


def _blocks(page: str, language: str) -> Iterator[Block]:
    found = (m for m in _FENCE.finditer(text_of(page)) if m["language"] == language)
    for number, match in enumerate(found, 1):
        text = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        yield Block(page, number, language, text, match["reason"])


def prose(page: str) -> str:
    """A page without comments and code."""
    return _COMMENT.sub("", _FENCE.sub("", text_of(page)))


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(page)):
        words = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        number = 1
        while (numbered := anchor if number == 1 else f"{anchor}-{number - 1}") in found:
            number += 1
        found.add(numbered)
    return found


def links(page: str) -> list[str]:
    """The targets of a page's links; web addresses are left out."""
    targets = [match["target"] for match in _LINK.finditer(_CODE.sub("", prose(page)))]
    return [target for target in targets if "://" not in target and "mailto:" not in target]


def pictures(page: str) -> list[str]:
    """The files of a page's pictures."""
    return _PICTURE.findall(prose(page))
