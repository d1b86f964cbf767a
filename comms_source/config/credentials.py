"""Which credentials to use: those in dlt's settings, else those in Twilio's variables. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from comms_source.errors import ConfigurationError

VARIABLES: Final = {
    "api_key": "TWILIO_API_KEY",
    "api_key_secret": "TWILIO_API_KEY_SECRET",
    "account_id": "TWILIO_ACCOUNT_SID",
    "auth_token": "TWILIO_AUTH_TOKEN",
}
"""The environment variable for each setting."""

_PAIRS: Final = (("api_key", "api_key_secret"), ("account_id", "auth_token"))


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """A user and a password for HTTP Basic authentication; the password never shows in a repr."""

    user: str
    password: str = field(repr=False)

    @property
    def digest(self) -> str:
        """Identifies the user without revealing it."""
        return sha256(self.user.encode()).hexdigest()[:16]


def choose(*, given: Mapping[str, str | None], environment: Mapping[str, str]) -> BasicCredentials:
    """The first complete pair: of those given, else of the environment; an API key before a token.

    Raises:
        ConfigurationError: if no pair is complete; it names what was found, without the values.
    """
    ambient = {name: environment.get(variable) for name, variable in VARIABLES.items()}
    found_pair = complete_pair(given) or complete_pair(ambient)
    if found_pair:
        return found_pair
    found = [name for name in given if given[name]]
    found += [variable for variable in VARIABLES.values() if environment.get(variable)]
    half = f" (found only {', '.join(found)})" if found else ""
    raise ConfigurationError(
        f"credentials: no complete pair{half}; set TWILIO_API_KEY and TWILIO_API_KEY_SECRET, or "
        "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, in the environment, or the same in "
        "[sources.comms_source.credentials] of .dlt/secrets.toml"
    )


def complete_pair(values: Mapping[str, str | None]) -> BasicCredentials | None:
    """The API key and its secret, else the account id and its token, else nothing."""
    for user, password in _PAIRS:
        if (name := values.get(user)) and (secret := values.get(password)):
            return BasicCredentials(name, secret)
    return None
