"""The command `comms`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run `comms` with the arguments of this process and exit with its code."""
    # Only the API and the destination are talked to, unless somebody turns dlt's telemetry on.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    # Arrow's own allocator keeps a good deal of what was given back to it.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    from comms_source.cli.app import app  # noqa: PLC0415 - after the environment is set

    app(prog_name="comms")
    sys.exit(0)
