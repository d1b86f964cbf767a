"""Python runs this first, where its folder is in PYTHONPATH: sockets are open to this machine only.

What is refused is written to the file that REFUSED_SOCKETS names.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

HERE = ("127.", "localhost", "0.0.0.0", "::1", "::")


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse connections to other machines, and requests for their addresses."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host and not host.startswith(HERE):
        with Path(os.environ["REFUSED_SOCKETS"]).open("a", encoding="utf-8") as refused:
            refused.write(f"{event} {host}\n")
        raise PermissionError(f"{event} {host}: only this machine may be reached")


sys.addaudithook(watch)
