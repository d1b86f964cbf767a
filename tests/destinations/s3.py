"""An S3 server in its own process, because libraries that block threads would block it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpx

from tests.postgres import free_port

KEY: Final = "any-key"
SECRET: Final = "any-secret"
REGION: Final = "us-east-1"
START_SECONDS: Final = 30.0
"""Seconds within which the server must answer."""


@dataclass(frozen=True, slots=True)
class S3:
    """A running server for local clients."""

    url: str

    def make_bucket(self, name: str) -> str:
        """Create a bucket, and return its URL."""
        httpx.put(f"{self.url}/{name}").raise_for_status()
        return f"s3://{name}"


@contextmanager
def running_s3() -> Iterator[S3]:
    """Start a server, and stop it at the end."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        s3 = S3(f"http://127.0.0.1:{port}")
        _await(s3, server)
        yield s3
    finally:
        server.kill()
        server.wait(START_SECONDS)


def _await(s3: S3, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx.get(s3.url).raise_for_status()
        except httpx.TransportError:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the S3 server does not answer") from None
            time.sleep(0.05)
        else:
            return
