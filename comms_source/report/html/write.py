"""Write a page to a file atomically."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from comms_source.errors import ConfigurationError


def check_page(path: Path) -> None:
    """Check that a page can be created and written, before its data is read.

    Raises:
        ConfigurationError: if the path is a folder, or its folder does not exist.
        ModuleNotFoundError: if the packages of the extra `report` are not installed.
    """
    import altair as alt  # noqa: F401, PLC0415 - an extra, and slow to import
    import jinja2  # noqa: F401, PLC0415
    import vl_convert  # noqa: F401, PLC0415

    if path.is_dir():
        raise ConfigurationError(f"html: {path} is a folder; name a file in it")
    if not path.absolute().parent.is_dir():
        raise ConfigurationError(f"html: there is no folder {path.parent}; create it first")


def write_page(page: str, path: Path) -> int:
    """Write the page, and return its size in bytes.

    It is written to a temporary file beside the target first, so that readers see the old page or
    the new one, and never half of it.

    Raises:
        ConfigurationError: if the file cannot be written.
    """
    content = page.encode()
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        temporary.replace(target)
    except OSError as error:
        raise ConfigurationError(
            f"html: {path} cannot be written ({os.strerror(error.errno or 0)})"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return len(content)
