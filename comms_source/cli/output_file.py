"""Writes what a command puts out to a file, atomically."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from comms_source.errors import ConfigurationError


def check_file(path: Path, *, option: str) -> None:
    """Check that a file can be created, before its content is read.

    Raises:
        ConfigurationError: if the path is a folder, or its folder does not exist; the message
            begins with the name of the option.
    """
    if path.is_dir():
        raise ConfigurationError(f"{option}: {path} is a folder; name a file in it")
    if not path.absolute().parent.is_dir():
        raise ConfigurationError(f"{option}: there is no folder {path.parent}; create it first")


def write_file(text: str, path: Path, *, option: str) -> int:
    """Write a file, and return its size in bytes.

    It is written to a temporary file beside the target first, so that readers see the old file or
    the new one, and never half of it.

    Raises:
        ConfigurationError: if the file cannot be written.
    """
    content = text.encode()
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        temporary.replace(target)
    except OSError as error:
        raise ConfigurationError(
            f"{option}: {path} cannot be written ({os.strerror(error.errno or 0)})"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return len(content)
