"""What mkdocs does for the site besides rendering pages: links to files outside `docs`, and search.

The pages link to files outside `docs`, such as `../pipelines/crontab.example`. These files are
copied into the site, below `project/`, and the links lead there. A Markdown file becomes a page.

The theme would load a script from a CDN so that the search works from a disk. `worker.js` takes
its place.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = "project"
FROM_CDN: Final = "https://unpkg.com/iframe-worker/shim"
WORKER: Final = "assets/javascripts/worker.js"
_LINK: Final = re.compile(r"(?<=\]\()(?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?(?=\))")


def on_files(files: Files, config: Any) -> Files:
    """Add the files that the pages link to, and those that such Markdown files link to."""
    waiting = [ROOT / "docs" / file.src_uri for file in files.documentation_pages()]
    known = {page.relative_to(ROOT).as_posix() for page in waiting}
    while waiting:
        page = waiting.pop()
        for target in _LINK.finditer(page.read_text(encoding="utf-8")):
            path = _resolved(page.relative_to(ROOT).as_posix(), target["target"])
            if path in known or not (ROOT / path).is_file():
                continue
            known.add(path)
            if path.startswith("docs/"):
                continue
            files.append(File.generated(config, _in_site(path), abs_src_path=str(ROOT / path)))
            waiting += [ROOT / path] if path.endswith(".md") else []
    worker = Path(__file__).with_name("worker.js")
    files.append(File.generated(config, WORKER, abs_src_path=str(worker)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let the links of a page lead to the copies."""
    here = page.file.src_uri
    original = here.removeprefix(f"{COPIED}/") if here.startswith(f"{COPIED}/") else f"docs/{here}"

    def rewritten(link: re.Match[str]) -> str:
        there = _in_site(_resolved(original, link["target"]))
        return posixpath.relpath(there, posixpath.dirname(here)) + (link["anchor"] or "")

    return _LINK.sub(rewritten, markdown)


def on_post_build(config: Any) -> None:
    """Let every page load the script for the search from the site."""
    site = Path(config.site_dir)
    for page in site.rglob("*.html"):
        above = "../" * (len(page.relative_to(site).parts) - 1)
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace(FROM_CDN, f"{above}{WORKER}"), encoding="utf-8")


def _resolved(page: str, target: str) -> str:
    """The file that a link of a page names, as a path from the root of the project."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), target))


def _in_site(path: str) -> str:
    """Where a file of the project is among the site's sources; dot folders are left out there."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{COPIED}/{path.removeprefix('.')}"
