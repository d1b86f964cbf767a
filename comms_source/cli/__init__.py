"""The command `comms`."""

from __future__ import annotations

import gc
import os
import sys

from comms_source.cli.streams import lenient_output


def main() -> None:
    """Run `comms` with the arguments of this process and exit with its code."""
    # No telemetry, unless it is enabled: connect to the API and the destination only.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    # Arrow's own allocator keeps much of the memory that was freed.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # Imports make many objects and no garbage: Python would search them again and again.
    gc.set_threshold(50_000)
    from comms_source.cli.app import app  # noqa: PLC0415 - after the environment is set

    with lenient_output():
        app(prog_name="comms")
    sys.exit(0)
