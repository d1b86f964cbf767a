"""The exit codes of all commands."""

from __future__ import annotations

from typing import Final

from comms_source.errors import (
    CommsSourceError,
    ConfigurationError,
    CredentialsRefused,
    NothingLoaded,
)

COMPLETE: Final = 0
"""Success, and nothing is missing."""
FAILED: Final = 1
"""Nothing, or nothing more, could be loaded."""
REFUSED: Final = 2
"""Wrong usage or configuration, or refused credentials."""
INCOMPLETE: Final = 3
"""Loaded, but something is missing."""


def exit_code(error: CommsSourceError) -> int:
    """The exit code of a command that ended with an error."""
    if isinstance(error, NothingLoaded):
        return COMPLETE
    return REFUSED if isinstance(error, ConfigurationError | CredentialsRefused) else FAILED
