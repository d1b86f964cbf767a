"""The safety of the page against hostile data, and its accessibility."""

from __future__ import annotations

import re
from typing import Any

import pytest

from comms_source.channels import CHANNELS
from comms_source.report.html.rendering import page as page_of
from tests.report.parsed import Element, parse, section
from tests.report.sample_data import (
    DAY,
    NOW,
    Warehouse,
    coverage,
    facts_in,
    facts_of,
    gap,
    messages,
    run,
    write,
)

HOSTILE = """<script>alert(1)</script>"'&"""
BREAKOUT = """"><img src=x onerror=alert(2)><svg/onload=alert(3)>'"""


@pytest.fixture(scope="module")
def tree(page: str) -> Element:
    """The page of the busy account."""
    return parse(page)


def test_nothing_is_loaded_from_anywhere(tree: Element, page: str) -> None:
    """No URLs but fragments, no script, no font, and a policy that would forbid them."""
    for element in tree.descendants():
        assert element.tag not in {"script", "link", "img", "iframe", "object", "base", "form"}
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            assert name not in {"src", "srcset", "action", "style", "xlink:href"}
            if name == "href":
                assert str(value).startswith("#")
                section(tree, str(value)[1:])
    assert "://" not in page
    assert "url(" not in page
    assert "@import" not in page
    (policy,) = tree.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert str(policy.attributes["content"]).startswith("default-src 'none';")


@pytest.mark.slow
def test_hostile_names_and_ids_are_escaped_everywhere() -> None:
    """They are shown exactly, and create no element and no attribute."""
    rows = [
        each
        for name in (HOSTILE, BREAKOUT)
        for each in (
            messages(f"{name}0", created_at=NOW - 9 * DAY, failed=9, account=name, status=name),
            messages(f"{name}1", created_at=NOW - 4 * DAY, queued=9, account=name),
        )
    ]
    records = {
        "coverage": [row for name in (HOSTILE, BREAKOUT) for row in _read(name)],
        "gaps": [gap(NOW - 9 * DAY, NOW - 8 * DAY, channel="messages", account=HOSTILE)],
        "runs": [run(account=HOSTILE, outcome="failed"), run(account=BREAKOUT, outcome="failed")],
    }
    write(Warehouse(operations=rows, records=records))
    tree = parse(page_of(facts_in(channels=["messages"])))

    elements = list(tree.descendants())
    assert not [each for each in elements if each.tag in {"script", "img"}]
    assert not [name for each in elements for name in each.attributes if name[:2] == "on"]
    for name in (HOSTILE, BREAKOUT):
        assert name[:30] in section(tree, "wrong").text
        assert name in section(tree, "worst").text
        assert name in section(tree, "accounts").text
        assert name.lower() in section(tree, "worst").text
        assert {f"{name}0", f"{name}1"} <= {code.text for code in tree.all("code")}
    one = parse(page_of(facts_in(channels=["emails"], account=HOSTILE)))
    assert HOSTILE in one.one("header").text


def _read(account: str) -> list[dict[str, Any]]:
    return coverage(first=NOW - 2 * DAY, last=NOW, account=account)


@pytest.mark.slow
def test_long_names_and_control_characters_do_no_harm() -> None:
    """They are truncated or removed, so the page stays small."""
    long, odd = "x" * 100_000, "a\x00\x1b[31mb"
    rows = [
        messages(long, created_at=NOW - DAY, failed=5, account=long),
        messages(odd, created_at=NOW - DAY, failed=5, account=odd),
    ]
    page = page_of(facts_of(*rows))

    assert len(page) < 100_000
    assert "\x1b" not in page
    assert "\x00" not in page


def test_every_chart_has_a_description(tree: Element) -> None:
    """Four charts per channel, each with its own text."""
    texts = [str(svg.attributes["aria-label"]) for svg in tree.all("svg", role="img")]

    assert len(texts) == len(tree.all("svg")) == 4 * len(CHANNELS)
    assert len(set(texts)) == len(texts)
    assert all(re.match(r"(Messages|Emails|Push notifications): .{20,}\.$", text) for text in texts)


def test_headings_and_tables_are_accessible(tree: Element) -> None:
    """One h1, a heading for each section, a scope for each table head, and unique ids."""
    ids = [each.attributes["id"] for each in tree.descendants() if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    assert len(tree.all("h1")) == 1
    for each in tree.all("section"):
        assert each.one("h2", id=str(each.attributes["aria-labelledby"])).text
    for table in tree.all("table"):
        assert table.all("caption")
        assert all(head.attributes.get("scope") in {"row", "col"} for head in table.all("th"))


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in channels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_marks_have_enough_contrast(page: str, scheme: str) -> None:
    """WCAG AA: 4.5 to 1 for text, 3 to 1 for the marks of a chart."""
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in _schemes(page))
    colours = light if scheme == "light" else light | dark
    for ground in ("page", "paper"):
        for text in ("ink", "muted", "first", "second"):
            assert _contrast(colours[text], colours[ground]) >= 4.5
        for mark in ("first", "second", "third", "muted"):
            assert _contrast(colours[mark], colours[ground]) >= 3


def _schemes(page: str) -> tuple[str, str]:
    first, second = re.findall(r":root \{(.*?)\}", page, flags=re.DOTALL)[:2]
    return first, second
