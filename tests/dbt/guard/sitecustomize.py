"""Python imports this in the processes of dbt: each connection that leaves this machine is refused.

The refused ones are written down, since dbt's telemetry hides its errors.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

LOCAL = ("127.0.0.1", "::1", "localhost", None, "")


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse to look up or to connect to another machine."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if host not in LOCAL:
        with Path(os.environ["REFUSED_CONNECTIONS"]).open("a", encoding="utf-8") as file:
            file.write(f"{event} {host}\n")
        raise PermissionError(f"{event}: {host} is not this machine")


sys.addaudithook(refuse)
