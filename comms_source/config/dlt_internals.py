"""What `config` uses of dlt beyond its documented interface: how it reads settings files.

dlt 1.31 fails on a byte order mark, passes over a file that it may not open or that is a folder,
and tells of other encodings and of wrong TOML in a traceback. From the import of this module on,
such a file is read, or named in one sentence.

Written for dlt 1.31: what is replaced here is to be checked with each new version.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from stat import S_ISDIR
from typing import Any, Final

import tomlkit
from dlt.common.configuration.providers.toml import SettingsTomlProvider, TomlProviderReadException
from dlt.pipeline.configuration import PipelineConfiguration
from tomlkit.exceptions import TOMLKitError

from comms_source.errors import ConfigurationError

PIPELINE_SETTINGS: Final = frozenset(PipelineConfiguration().get_resolvable_fields())
"""The settings of dlt's that are at the top of a file."""

_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_read_files: Final = SettingsTomlProvider._read_toml_files  # noqa: SLF001


def settings_files(providers: Any) -> dict[str, dict[str, Any]]:
    """The content of dlt's settings files by their names, with that of the user's own."""
    return {
        provider.name: provider._config_doc  # noqa: SLF001
        for provider in providers.providers
        if isinstance(provider, SettingsTomlProvider)
    }


def read_settings_file(file: Path) -> tomlkit.TOMLDocument | None:
    """The settings in a file; None if there is no such file.

    Raises:
        ConfigurationError: if it cannot be opened, or is not TOML in UTF-8; it names the file.
    """
    content = _content(file)
    if content is None:
        return None
    try:
        return tomlkit.parse(_decoded(content, file))
    except TOMLKitError as error:
        raise ConfigurationError(
            f"{file} is not valid TOML: {_one_line(str(error))}; mend it there"
        ) from None


def _content(file: Path) -> bytes | None:
    """What is in the file; None if there is none, as when a device is there."""
    try:
        mode = file.stat().st_mode
        if S_ISDIR(mode):
            raise ConfigurationError(f"{file} is a folder; it has to be a file with settings")
        return file.read_bytes() if file.is_file() else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error.strerror}; give the user that runs this the right to"
        ) from None


def _decoded(content: bytes, file: Path) -> str:
    if content.startswith(_UTF_16) or b"\0" in content:
        raise ConfigurationError(f"{file} is in UTF-16, or no text at all; save it in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{file} is not in UTF-8: line {line} holds a character in another encoding; save the "
            "file in UTF-8"
        ) from None


def _one_line(message: str) -> str:
    first = re.sub(r"line (\d+) col (\d+)", r"line \1, column \2", message.strip().splitlines()[0])
    return first[:1].lower() + first[1:].rstrip(".")


def _read_toml_file(_: Any, toml_path: str) -> Any:
    return read_settings_file(Path(toml_path))


def _read_toml_files(self: Any, *paths: Any) -> Any:
    """As dlt does, but our errors are not hidden in one of dlt's."""
    try:
        return _read_files(self, *paths)
    except TomlProviderReadException as error:
        if isinstance(error.__context__, ConfigurationError):
            raise error.__context__ from None
        raise


_provider: Any = SettingsTomlProvider
_provider._read_toml_file = _read_toml_file  # noqa: SLF001
_provider._read_toml_files = _read_toml_files  # noqa: SLF001
