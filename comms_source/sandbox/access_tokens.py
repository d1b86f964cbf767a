"""The access tokens of OAuth apps: opaque, with an end, and revocable.

A token has a prefix that a search for leaked tokens finds, as page tokens have.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from datetime import datetime, timedelta

MARK = "sbxaccess_"


class AccessTokens:
    """Tokens that were issued and not revoked. Thread-safe."""

    def __init__(self, *, seed: int, lifetime: timedelta) -> None:
        """Begin without tokens.

        Args:
            seed: Decides the tokens' texts.
            lifetime: How long each is accepted.
        """
        self._seed = seed
        self._lifetime = lifetime
        self._issued = 0
        self._valid: dict[str, tuple[str, datetime]] = {}
        self._lock = threading.Lock()

    def issue(self, client: str, *, now: datetime) -> str:
        """A new token for a client id."""
        with self._lock:
            self._valid = {token: each for token, each in self._valid.items() if now < each[1]}
            self._issued += 1
            text = f"{self._seed} {client} {self._issued}".encode()
            digest = hashlib.blake2s(text, digest_size=24).digest()
            token = MARK + base64.urlsafe_b64encode(digest).decode()
            self._valid[token] = (client, now + self._lifetime)
            return token

    def client_of(self, token: str, *, now: datetime) -> str | None:
        """The client id that a token was issued for; None if it is not accepted now."""
        with self._lock:
            client, end = self._valid.get(token, (None, now))
        return client if now < end else None

    def revoke(self) -> None:
        """Accept none of the tokens that were issued so far."""
        with self._lock:
            self._valid.clear()
