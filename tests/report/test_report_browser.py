"""The page in a real browser, without a network: what it shows, the keyboard, accessibility."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from comms_source.report.html.rendering import page as page_of
from tests.report.parsed import parse
from tests.report.sample_data import (
    DAY,
    NOW,
    Operation,
    Warehouse,
    coverage,
    facts_in,
    gap,
    messages,
    run,
    write,
)

pytest.importorskip("playwright.sync_api", reason="there is no playwright; make browser has it")

from playwright.sync_api import Browser, Page

from tests.pictures.played import play_story
from tests.report.chromium import CHROMIUM, chromium

AXE: Final = Path(sys.prefix) / "node_modules/axe-core/axe.min.js"
KINDS: Final = ("story", "busy", "little", "empty")
PHONE: Final = 390
"""The width of a phone, in pixels."""
WIDTHS: Final = (PHONE, 768, 1024, 1176, 1600)
"""Widths in pixels; from 1176 on there are three columns."""

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium; apt-get install chromium brings it"
)

MEASURE: Final = """() => ({
  boxes: [...document.querySelectorAll("svg")].map(each => {
    const box = each.getBoundingClientRect();
    return [Math.round(box.width), Math.round(box.height)];
  }),
  cut: [...document.querySelectorAll("th, td, dd, h3")]
    .filter(each => each.scrollWidth > each.clientWidth + 1)
    .map(each => each.textContent.trim()),
  spilled: [...document.querySelectorAll("table, p, dl, figcaption")]
    .filter(each => !each.closest(".hidden, .scroll"))
    .filter(each => {
      const box = each.getBoundingClientRect(), around = each.parentElement;
      const padding = parseFloat(getComputedStyle(around).paddingRight);
      return box.right > around.getBoundingClientRect().right - padding + 1;
    })
    .map(each => each.textContent.trim().slice(0, 60)),
  needed: document.documentElement.scrollWidth,
})"""
FOCUSED: Final = """() => {
  const each = document.activeElement;
  const style = getComputedStyle(each);
  return {
    name: each === document.body ? "" : each.outerHTML,
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
  };
}"""
CONTROLS: Final = """() => [...document.querySelectorAll(
  "a[href], button, input, select, textarea, summary, [tabindex]"
)].map(each => each.outerHTML)"""
SERIOUS: Final = """async () => (await axe.run()).violations
  .filter(each => ["serious", "critical"].includes(each.impact))
  .map(each => each.id + ": " + each.nodes.map(node => node.target.join(" ")).join(", "))"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the demo."""
    return page_of(play_story(tmp_path_factory.mktemp("story")).facts)


@pytest.fixture(scope="session")
def little(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page after a first load that found one operation."""
    only = messages("only", created_at=NOW - DAY, delivered=3)
    return page_with([only], tmp_path_factory.mktemp("little"))


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page before anything was loaded."""
    return page_with([], tmp_path_factory.mktemp("empty"))


def page_with(operations: Sequence[Operation], folder: Path) -> str:
    """The page of a warehouse with these operations."""
    file = folder / "warehouse.duckdb"
    write(Warehouse(operations=operations), path=str(file))
    return page_of(facts_in(file))


@pytest.fixture(params=KINDS)
def any_page(request: pytest.FixtureRequest) -> str:
    """Each of the pages."""
    name = {"busy": "page"}.get(request.param, request.param)
    text: str = request.getfixturevalue(name)
    return text


@dataclass(frozen=True, slots=True)
class Opened:
    """The page in the browser."""

    view: Page
    lines: list[str]
    """The lines of the console, and the address of each request."""


def opened(text: str, browser: Browser, *, width: int = 1200, **options: Any) -> Opened:
    """Open the page in the browser."""
    file = Path("page.html").absolute()
    file.write_text(text, encoding="utf-8")
    view = browser.new_page(viewport={"width": width, "height": 900}, **options)
    lines: list[str] = []
    view.on("console", lambda line: lines.append(line.text))
    view.on("pageerror", lambda error: lines.append(str(error)))
    view.on("request", lambda request: lines.append(request.url))
    view.goto(file.as_uri())
    return Opened(view, lines)


def test_a_browser_opens_the_page_without_errors(any_page: str, browser: Browser) -> None:
    """The console is empty, nothing is requested, and every chart is there."""
    page = opened(any_page, browser)

    assert page.lines == [page.view.url]
    assert page.view.locator("svg").count() == len(parse(any_page).all("svg"))


def test_the_page_fits_every_screen(any_page: str, browser: Browser) -> None:
    """No chart is empty, no cell or table overflows, and the page does not scroll sideways."""
    view = opened(any_page, browser).view
    for width in WIDTHS:
        view.set_viewport_size({"width": width, "height": 900})
        found = view.evaluate(MEASURE)
        assert (width, found["cut"], found["spilled"]) == (width, [], [])
        assert found["needed"] <= width
        assert all(width > 200 and height > 100 for width, height in found["boxes"])


def test_long_names_do_not_make_the_page_wider(browser: Browser) -> None:
    """Names of accounts and ids of operations are wrapped, even without a place to break."""
    names = ("north" * 30, "south" * 30)
    rows = [
        messages(name + str(ago), created_at=NOW - ago * DAY, failed=10**6 + ago, account=name)
        for name in names
        for ago in range(1, 16)
    ]
    lost = gap(NOW - 9 * DAY, NOW - 8 * DAY, channel="messages", account=names[0])
    runs = [run(account=name, outcome="failed") for name in names]
    read = [row for name in names for row in coverage(first=NOW - DAY, last=NOW, account=name)]
    records = {"coverage": read, "gaps": [lost], "runs": runs}
    write(Warehouse(operations=rows, records=records))
    page = page_of(facts_in(channels=["messages"]))
    found = opened(page, browser, width=PHONE).view.evaluate(MEASURE)

    assert found["cut"] == []
    assert found["needed"] <= PHONE


def test_the_policy_keeps_scripts_from_running(page: str, browser: Browser) -> None:
    """If a script were in the page, the browser would refuse to run it."""
    script = "<script>document.title = 'it ran'</script>"
    forged = opened(page.replace("</body>", f"{script}</body>"), browser)

    assert forged.view.title() != "it ran"
    assert "Content Security Policy" in "".join(forged.lines)


def test_the_keyboard_reaches_every_link(any_page: str, browser: Browser) -> None:
    """By Tab, in the order of the page; each has an outline, and leads to something."""
    view = opened(any_page, browser).view
    controls = view.evaluate(CONTROLS)
    reached = []
    for _ in controls:
        view.keyboard.press("Tab")
        focused = view.evaluate(FOCUSED)
        assert focused["outlined"], focused["name"]
        reached.append(focused["name"])

    assert reached == controls
    for link in view.locator("a").all():
        assert view.locator(str(link.get_attribute("href"))).count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_of_axe(any_page: str, browser: Browser, scheme: str) -> None:
    """Contrast, names, headings, tables and the like, by the rules of axe-core."""
    view = opened(any_page, browser, color_scheme=scheme, bypass_csp=True).view
    view.add_script_tag(path=AXE)

    assert view.evaluate(SERIOUS) == []
