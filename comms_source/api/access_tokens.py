"""The access token of an OAuth app: requested when needed, renewed in time, shared by threads.

A token is kept in memory only. Of the threads that need one, the first requests it and the others
wait. If the request fails, those that waited fail with it, so that a server in trouble gets one
request and not one from each thread; each thread then follows its own retry policy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import httpx

from comms_source.api.http import exchange, open_http
from comms_source.api.responses import Reply, RetryableError
from comms_source.api.token_responses import TOKEN_SERVER, read_token
from comms_source.config.credentials import OAuthCredentials
from comms_source.config.settings import Settings
from comms_source.errors import CommsSourceError, ConfigurationError, CredentialsRefused

EARLY: Final = timedelta(minutes=1)
"""How long before its end a token is renewed."""
SHORT: Final = timedelta(minutes=2)
"""A token that lives for less is renewed after half its life."""

_FINAL: Final = (ConfigurationError, CredentialsRefused)
"""After these no token is requested again: the run is about to be stopped."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A token in use."""

    header: str = field(repr=False)
    until: datetime
    """When to renew it, by this machine's clock."""
    is_trusted: bool
    """Whether a 401 may be the token's fault: not if it replaces a refused one, until it is
    accepted."""


class TokenAuthorization:
    """A bearer token in the `Authorization` header. Thread-safe."""

    remedy = (
        "a new token was refused too, so the OAuth app may lack the scopes for the Communications "
        "API; grant them to the app in Twilio's Console"
    )

    def __init__(
        self,
        credentials: OAuthCredentials,
        *,
        settings: Settings,
        clock: Callable[[], datetime],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Hold no token yet; nothing is sent.

        Args:
            credentials: The app's client id and secret, and where to request tokens.
            settings: Timeouts.
            clock: The time on this machine.
            transport: Sends the requests; by default the HTTP library's connection pool.
        """
        self.secret = credentials.client_secret
        self._credentials = credentials
        self._clock = clock
        self._open = partial(open_http, settings, transport, address=credentials.token_url)
        self._http: httpx.Client | None = None
        self._held: _Held | None = None
        self._was_refused = False
        self._changing = threading.Lock()
        self._requesting = threading.Lock()
        self._requests = 0
        self._failure: RetryableError | CommsSourceError | None = None

    def header(self) -> str:
        """The header with a token that is good for now; requests one if there is none.

        Raises:
            RetryableError: if a retry may help.
            CommsSourceError: if no retry will help.
        """
        before = self._requests
        if held := self._current():
            return held.header
        with self._requesting:
            if held := self._current():
                return held.header
            failure = self._failure
            if failure and (self._requests > before or isinstance(failure, _FINAL)):
                raise failure
            return self._renew().header

    def replaces(self, header: str) -> bool:
        """Whether to repeat a request that got a 401 with this header.

        Yes if there is a newer token, or if a new one may be requested. It may not if this token
        was itself requested after a 401 and never accepted: then tokens are not at fault.
        """
        with self._changing:
            if self._held is None or self._held.header != header:
                return True
            if not self._held.is_trusted:
                return False
            self._held, self._was_refused = None, True
            return True

    def note_accepted(self, header: str) -> None:
        """Note that the API accepted a token."""
        with self._changing:
            if self._held is not None and self._held.header == header:
                self._held, self._was_refused = replace(self._held, is_trusted=True), False

    def close(self) -> None:
        """Close the connections; the token is kept, and the next request opens others."""
        with self._requesting:
            if self._http is not None:
                self._http.close()
                self._http = None

    def _current(self) -> _Held | None:
        held = self._held
        return held if held is not None and self._clock() < held.until else None

    def _renew(self) -> _Held:
        self._requests += 1
        self._failure = None
        # The life is counted from here: when the server began to count is not known.
        asked_at = self._clock()
        try:
            token = read_token(self._request(), secrets=[self.secret])
        except (RetryableError, CommsSourceError) as failure:
            self._failure = failure
            raise
        use = token.life - EARLY if token.life >= SHORT else token.life / 2
        with self._changing:
            self._held = _Held(f"Bearer {token.text}", asked_at + use, not self._was_refused)
            return self._held

    def _request(self) -> Reply:
        address = self._credentials.token_url
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
        }
        http = self._http = self._http or self._open()
        response = exchange(
            lambda: http.post(address, data=form),
            address=address,
            setting=TOKEN_SERVER.setting,
            secrets=[self.secret],
        )
        return Reply(response.status_code, response.headers, response.content, self._clock())
