"""The Chromium of this machine, without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, Playwright

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS: Final = (
    "--disable-gpu",
    "--disable-lcd-text",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    """The browser, headless; closed in the end."""
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=list(ARGUMENTS), chromium_sandbox=False
    )
    yield browser
    browser.close()
