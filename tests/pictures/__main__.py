"""Draw the pictures of the documentation: `python -m tests.pictures [FOLDER]`.

They show the end of the story of `comms demo` at a fixed time: the page of the report in Chromium,
in light and dark, and what three commands print. The same versions of Chromium, of its fonts and of
the packages give the same bytes.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.pictures.page_pictures import draw_page
from tests.pictures.played import play_story
from tests.pictures.terminal_pictures import draw_terminals

FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"


def main(folder: Path) -> None:
    """Draw all pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        before = Path.cwd()
        os.chdir(temporary)
        try:
            played = play_story(Path(temporary))
            pictures = {**draw_terminals(played), **draw_page(played.facts)}
        finally:
            os.chdir(before)
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
        print(f"{name}  {len(content):,} bytes")  # noqa: T201 - the script's output


main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
