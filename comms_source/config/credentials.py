"""Which credentials to use: those in dlt's settings, else those in Twilio's variables. Pure.

There are three pairs: an API key and its secret, an account id and its auth token, and the client
id and secret of an OAuth app. The first two are sent with HTTP Basic; with the third, access tokens
are requested.
"""

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

OTHER_NAMES: Final = {"account_id": "account_sid"}
"""What else a setting may be called: Twilio calls the account's id a SID."""

OAUTH: Final = ("client_id", "client_secret")
"""The settings for an OAuth app; Twilio has no environment variables for them."""

TOKEN_URL: Final = "https://oauth.twilio.com/v2/token"  # noqa: S105 - an address

FIELDS: Final = (*VARIABLES, *OTHER_NAMES.values(), *OAUTH, "token_url")
"""All names in a section of credentials."""

_PAIRS: Final = (("api_key", "api_key_secret"), ("account_id", "auth_token"), OAUTH)
_EXAMPLE: Final = "..."
"""How the values of the example for secrets.toml end."""


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """A user and a password for HTTP Basic authentication; the password never shows in a repr."""

    user: str
    password: str = field(repr=False)

    @property
    def digest(self) -> str:
        """Identifies the user without revealing it."""
        return _digest(self.user)


@dataclass(frozen=True, slots=True)
class OAuthCredentials:
    """The client id and secret of an OAuth app; the secret never shows in a repr."""

    client_id: str
    client_secret: str = field(repr=False)
    token_url: str = TOKEN_URL
    """The address that issues tokens."""

    @property
    def user(self) -> str:
        """The client id: it is to an app what the user is to `BasicCredentials`."""
        return self.client_id

    @property
    def digest(self) -> str:
        """Identifies the app without revealing its client id."""
        return _digest(self.client_id)


Credentials = BasicCredentials | OAuthCredentials
"""Either kind; both have a `user` and a `digest`."""


def choose(*, given: Mapping[str, str | None], environment: Mapping[str, str]) -> Credentials:
    """The first complete pair: of those given, else of the environment.

    An API key comes before an auth token, and that before an OAuth app.

    Raises:
        ConfigurationError: if no pair is complete; it names what was found, without the values.
    """
    ambient = {name: environment.get(variable) for name, variable in VARIABLES.items()}
    found_pair = complete_pair(given) or complete_pair(ambient, called=VARIABLES)
    if found_pair:
        return found_pair
    found = [name for name in given if name != "token_url" and _stripped(given[name])]
    found += [variable for variable in VARIABLES.values() if _stripped(environment.get(variable))]
    half = f" (found only {', '.join(found)})" if found else ""
    raise ConfigurationError(
        f"credentials: no complete pair{half}; set TWILIO_API_KEY and TWILIO_API_KEY_SECRET, or "
        "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, in the environment, or the same in "
        "[sources.comms_source.credentials] of .dlt/secrets.toml; for an OAuth app, set client_id "
        "and client_secret there"
    )


def complete_pair(
    values: Mapping[str, str | None], *, called: Mapping[str, str] | None = None
) -> Credentials | None:
    """The API key, else the account id, else the client id, each with its secret; else nothing.

    Blanks and newlines around them are removed: `echo` and files end with one.

    Args:
        values: The values of the settings.
        called: What the settings are called where the values are from, if not by their names.

    Raises:
        ConfigurationError: if one of the pair cannot be right; it does not show the value.
    """
    for pair in _PAIRS:
        user, password = (_value(values, name) for name in pair)
        if user and password:
            names = [(called or {}).get(name, name) for name in pair]
            _check(names[0], user, never=":")
            _check(names[1], password)
            if pair == OAUTH:
                return OAuthCredentials(user, password, _value(values, "token_url") or TOKEN_URL)
            return BasicCredentials(user, password)
    return None


def _value(values: Mapping[str, str | None], name: str) -> str:
    return _stripped(values.get(name)) or _stripped(values.get(OTHER_NAMES.get(name, "")))


def _digest(user: str) -> str:
    return sha256(user.encode()).hexdigest()[:16]


def _stripped(value: str | None) -> str:
    return "" if value is None else str(value).strip()


def _check(name: str, value: str, *, never: str = "") -> None:
    """Reject what no credential of Twilio's contains, and what a request could not carry."""
    if value.endswith(_EXAMPLE):
        raise ConfigurationError(
            f"credentials: {name} is still the example's; put your own in its place, or remove it"
        )
    if value[0] in _QUOTES and value[-1] in _QUOTES:
        raise ConfigurationError(f"credentials: {name} has quotes around it; remove them")
    if any(not "!" <= character <= "~" or character in never for character in value):
        raise ConfigurationError(
            f"credentials: {name} holds a blank, or another character that no key or token has; "
            "copy it again"
        )


_QUOTES: Final = frozenset("\"'\u201c\u201d\u2018\u2019")
