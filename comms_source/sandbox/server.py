"""The sandbox as an HTTP server: in a thread of this process for tests, or in the foreground."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Final, Self

import uvicorn

from comms_source.sandbox.app import TOKEN_PATH, VERSION, create_app
from comms_source.sandbox.clock import Clock
from comms_source.sandbox.model import SandboxModel
from comms_source.sandbox.settings import SandboxSettings

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 10.0


class Sandbox(SandboxModel):
    """A sandbox that serves on a free local port inside its `with` block."""

    def __init__(self, settings: SandboxSettings | None = None, clock: Clock | None = None) -> None:
        """Prepare a sandbox; it starts to serve at the beginning of the `with` block."""
        super().__init__(settings or SandboxSettings(), clock)
        self._socket: socket.socket | None = None

    @property
    def url(self) -> str:
        """The `base_url` for clients."""
        if self._socket is None:
            raise RuntimeError("the sandbox only serves inside its `with` block")
        return f"http://{HOST}:{self._socket.getsockname()[1]}{VERSION}"

    @property
    def token_url(self) -> str:
        """The address that issues access tokens."""
        return self.url.removesuffix(VERSION) + TOKEN_PATH

    def __enter__(self) -> Self:
        self._socket = socket.create_server((HOST, 0))
        # asyncio sets this only on its own sockets; without it small responses take 40 ms.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server = _Server(_config(self))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        self._thread.start()
        # The socket already listens, so requests would wait for a server that failed to start.
        if not self._server.ready.wait(START_SECONDS):
            raise RuntimeError("the sandbox did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._thread.join(START_SECONDS)
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Server(uvicorn.Server):
    """A server that stops at once; uvicorn polls ten times a second, and waits once more."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()

    def stop(self) -> None:
        """Stop the server from another thread; responses under way end with an error."""
        self._loop.call_soon_threadsafe(self._stopped.set)


def serve(model: SandboxModel, *, host: str = HOST, port: int = 8765) -> None:
    """Serve `model` until interrupted."""
    uvicorn.Server(_config(model, host=host, port=port)).run()


def _config(model: SandboxModel, *, host: str = HOST, port: int = 0) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(model),
        host=host,
        port=port,
        http="h11",
        lifespan="off",
        log_level="critical",
        access_log=False,
        date_header=False,
        server_header=False,
    )
