"""Writes a page to a file: all of it or nothing."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from comms_source.errors import ConfigurationError


def check_page(path: Path) -> None:
    """Refuse a page that cannot be made or written, before anything is worked out for it.

    Raises:
        ConfigurationError: if the path is a folder, or lies in none.
        ModuleNotFoundError: if what makes pages is not installed.
    """
    import altair as alt  # noqa: F401, PLC0415 - an extra, and slow to import
    import jinja2  # noqa: F401, PLC0415
    import vl_convert  # noqa: F401, PLC0415

    if path.is_dir():
        raise ConfigurationError(f"html: {path} is a folder; name a file in it")
    if not path.absolute().parent.is_dir():
        raise ConfigurationError(f"html: there is no folder {path.parent}; make it first")


def write_page(page: str, path: Path) -> int:
    """Write the page, and return its size in bytes.

    It is written beside its place first, so that whoever reads the file sees the old page or the
    new one, and never half of it.

    Raises:
        ConfigurationError: if the file cannot be written.
    """
    content = page.encode()
    target = path.resolve()
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        beside.write_bytes(content)
        beside.replace(target)
    except OSError as error:
        raise ConfigurationError(
            f"html: {path} cannot be written ({os.strerror(error.errno or 0)})"
        ) from None
    finally:
        beside.unlink(missing_ok=True)
    return len(content)
