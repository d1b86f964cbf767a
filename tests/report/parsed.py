"""A parser for the page, which checks that elements are closed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "br", "hr", "img", "input"})


@dataclass(slots=True)
class Element:
    """An element with its children."""

    tag: str
    attributes: dict[str, str | None]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All its text, with white space collapsed."""
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join(" ".join(parts).split())

    def all(self, tag: str | None = None, **attributes: str) -> list[Element]:
        """The elements in it with this tag and these attributes; a class may be one of several."""
        return [each for each in self.descendants() if _fits(each, tag, attributes)]

    def one(self, tag: str | None = None, **attributes: str) -> Element:
        """The only such element."""
        (found,) = self.all(tag, **attributes)
        return found

    def descendants(self) -> Iterator[Element]:
        """The element itself and all elements in it."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.descendants()


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(page: str) -> Element:
    """The page as a tree; fails if an element is not closed correctly."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert len(parser.open) == 1
    return parser.open[0]


def section(tree: Element, name: str) -> Element:
    """One section of the page."""
    return tree.one("section", id=name)


def cards(tree: Element, name: str) -> dict[str, Element]:
    """The cards of a section, by their heading."""
    found = section(tree, name).all(class_="card")
    return {card.one("h3").text: card for card in found if card.all("h3")}


def _fits(element: Element, tag: str | None, attributes: dict[str, str]) -> bool:
    if tag is not None and element.tag != tag:
        return False
    return all(
        wanted in (element.attributes.get(name.rstrip("_")) or "").split()
        if name == "class_"
        else element.attributes.get(name) == wanted
        for name, wanted in attributes.items()
    )
