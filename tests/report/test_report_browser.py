"""The page in a real browser, without a network."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from comms_source.report.html.rendering import page as page_of
from tests.report.parsed import parse
from tests.report.sample_data import (
    DAY,
    NOW,
    Warehouse,
    coverage,
    facts_in,
    gap,
    messages,
    run,
    write,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
    "--virtual-time-budget=3000",
)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium; apt-get install chromium brings it"
)

PHONE = """<!doctype html>
<iframe src="page.html" style="width: 390px; height: 3000px; border: 0"></iframe>
<script>
addEventListener("message", event => Object.assign(document.body.dataset, event.data));
</script>
"""
"""Shows the page at the width of a phone; a browser window cannot be that narrow."""

MEASURE = """
<script>
addEventListener("load", () => {
  const boxes = [...document.querySelectorAll("svg")].map(each => {
    const box = each.getBoundingClientRect();
    return Math.round(box.width) + "x" + Math.round(box.height);
  });
  const cells = [...document.querySelectorAll("th, td, dd, h3")];
  const cut = cells.filter(each => each.scrollWidth > each.clientWidth + 1);
  parent.postMessage({
    boxes: boxes.join(" "),
    cut: cut.map(each => each.textContent.trim()).join("|"),
    width: innerWidth,
    needed: document.documentElement.scrollWidth,
  }, "*");
});
</script>
"""
"""Measures the page; the page itself has no script, and its policy allows none."""


def opened(page: str, folder: Path, *, around: str | None = None) -> tuple[str, str]:
    """The document after the browser has loaded a page or its frame, and the console messages."""
    for name, text in (("page.html", page), ("around.html", around)):
        (folder / name).write_text(text or "")
    file = folder / ("around.html" if around else "page.html")
    done = subprocess.run(
        [str(CHROMIUM), *QUIET, f"--user-data-dir={folder}/user", "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    messages = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, "\n".join(messages)


def on_a_phone(page: str, folder: Path) -> dict[str, str | None]:
    """The measurements of the page at the width of a phone."""
    policy = re.compile(r"<meta http-equiv=.Content-Security-Policy.[^>]*>")
    measured = policy.sub("", page).replace("</body>", f"{MEASURE}</body>")
    document, console = opened(measured, folder, around=PHONE)
    assert console == ""
    return parse(document).one("body").attributes


def test_a_browser_opens_the_page_without_errors(page: str, tmp_path: Path) -> None:
    """The console is empty, and every chart is there."""
    document, console = opened(page, tmp_path)

    assert console == ""
    assert len(parse(page).all("svg")) == document.count("<svg")


def test_the_page_fits_a_phone(page: str, tmp_path: Path) -> None:
    """At 390 pixels no chart is empty, no cell overflows, and the page does not scroll sideways."""
    body = on_a_phone(page, tmp_path)

    assert (body["data-width"], body["data-cut"]) == ("390", "")
    assert int(str(body["data-needed"])) <= 390
    sizes = [tuple(map(int, box.split("x"))) for box in str(body["data-boxes"]).split()]
    assert len(sizes) == len(parse(page).all("svg"))
    assert all(width > 200 and height > 100 for width, height in sizes)


def test_long_names_do_not_make_the_page_wider(tmp_path: Path) -> None:
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
    body = on_a_phone(page_of(facts_in(channels=["messages"])), tmp_path)

    assert body["data-cut"] == ""
    assert int(str(body["data-needed"])) <= 390


def test_the_policy_keeps_scripts_from_running(page: str, tmp_path: Path) -> None:
    """If a script were in the page, the browser would refuse to run it."""
    document, console = opened(page.replace("</body>", f"{MEASURE}</body>"), tmp_path, around=PHONE)

    assert "data-boxes" not in parse(document).one("body").attributes
    assert "Content Security Policy" in console
