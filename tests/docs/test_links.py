"""Every link of the documentation leads somewhere."""

from __future__ import annotations

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, links, pictures, prose, text_of


def broken(page: str, target: str) -> str | None:
    """What is wrong with a link; None if it works."""
    path, _, anchor = target.partition("#")
    there = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
    if not there.exists():
        return f"no such file: {target}"
    if anchor and anchor not in anchors(there.relative_to(ROOT).as_posix()):
        return f"no such heading: {target}"
    return None


@pytest.mark.parametrize("page", PAGES)
def test_every_link_works(page: str) -> None:
    """To a file of the project, and to a heading where it names one."""
    assert [problem for target in links(page) if (problem := broken(page, target))] == []


@pytest.mark.parametrize("target", ["nothing.md", "#nothing", "speed.md#nothing"])
def test_a_broken_link_is_found(target: str) -> None:
    """Without the file, or without the heading."""
    assert broken("docs/coverage.md", target)
    assert not broken("docs/coverage.md", "history.md#what-it-costs")


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_exists(page: str) -> None:
    """In its light and its dark form."""
    assert [
        each for each in pictures(page) if not (ROOT / page).parent.joinpath(each).exists()
    ] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_every_page_is_in_the_index(page: str) -> None:
    """And in the navigation of the site; it opens with a sentence that says what it answers."""
    name = page.removeprefix("docs/")
    opening = prose(page).split("\n\n")[1]

    assert name == "index.md" or name in links("docs/index.md")
    assert f" {name}\n" in text_of("mkdocs.yml")
    assert opening[0].isupper()
    assert opening.rstrip().endswith((".", "?", ":"))
