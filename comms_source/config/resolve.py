"""How dlt resolves the settings and credentials of `comms_source`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, Optional

import dlt
from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.specs import BaseConfiguration, CredentialsConfiguration
from dlt.common.typing import TSecretStrValue

from comms_source.channels import CHANNELS
from comms_source.config.credentials import (
    FIELDS,
    TOKEN_URL,
    BasicCredentials,
    Credentials,
    choose,
)
from comms_source.config.explain import KINDS, checked, explained
from comms_source.config.settings import (
    BASE_URL,
    COMMIT_PAGES,
    CONCURRENCY,
    DETAILS_REQUESTS,
    ERRORS_PER_OPERATION,
    MAX_API_WAIT,
    PAGE_SIZE,
    PII,
    REFRESH,
    REFRESH_RATIO,
    RETENTION,
    TIMEOUT,
    WINDOW,
    Settings,
    wrong_value,
)
from comms_source.timespans import parse_duration, parse_instant

SECTIONS: Final = ("sources", "comms_source")
"""Where dlt looks for the settings: `[sources.comms_source]`, or `SOURCES__COMMS_SOURCE__...`."""


ACCOUNTS: Final = "accounts"
"""The section in which each of several accounts has its own settings, by name."""


SHARED: Final[Mapping[str, type]] = {
    "retention": str,
    "max_lock_wait": str,
    "max_load_wait": str,
    "table_format": str,
    "counter_mode": dict,
    "time_zone": str,
    "stuck_after": str,
    "alert_volume": int,
    "alert_points": float,
    "alert_days": int,
}
"""The settings that all accounts have in common, and their types: those of the destination and of
the views. Only `retention` may also be an account's own, for its loads."""


_DATES: Final = "'2026-11-24' or '2026-11-24T08:30Z'"


@configspec
class TwilioCredentials(CredentialsConfiguration):
    """One of three pairs: an API key, an account or an OAuth app, each with its secret.

    An API key is `api_key` and `api_key_secret`. An account is `account_id` (or `account_sid`,
    which is the same) and `auth_token`. An OAuth app is `client_id` and `client_secret`; tokens
    for it are requested from `token_url`.

    Values in dlt's settings take precedence, and among them the first complete pair in this order.
    Only if there is no pair are `TWILIO_API_KEY` and `TWILIO_API_KEY_SECRET` used, or else
    `TWILIO_ACCOUNT_SID` and `TWILIO_AUTH_TOKEN`.
    """

    account_id: Optional[str] = None  # noqa: UP045 - dlt reads the annotation
    account_sid: Optional[str] = None  # noqa: UP045
    auth_token: Optional[TSecretStrValue] = None  # noqa: UP045
    api_key: Optional[str] = None  # noqa: UP045
    api_key_secret: Optional[TSecretStrValue] = None  # noqa: UP045
    client_id: Optional[str] = None  # noqa: UP045
    client_secret: Optional[TSecretStrValue] = None  # noqa: UP045
    token_url: str = TOKEN_URL

    def chosen(self) -> Credentials:
        """The credentials to use.

        Raises:
            ConfigurationError: if no pair is complete, or one of it cannot be right; it says what
                is missing.
        """
        given = {name: getattr(self, name) for name in FIELDS}
        return choose(given=given, environment=os.environ)


@configspec
class CommsSourceConfiguration(BaseConfiguration):
    """The settings of `comms_source`, as dlt resolves them; add a new setting here first."""

    credentials: TwilioCredentials = None  # type: ignore[assignment]
    base_url: str = BASE_URL
    account: str = "default"
    channels: Any = tuple(CHANNELS)  # in the environment also text
    page_size: int = PAGE_SIZE
    concurrency: int = CONCURRENCY
    requests_per_second: Optional[float] = None  # noqa: UP045
    retention: str = RETENTION
    window: str = WINDOW
    refresh: str = REFRESH
    refresh_ratio: float = REFRESH_RATIO
    commit_pages: int = COMMIT_PAGES
    timeout: str = TIMEOUT
    max_api_wait: str = MAX_API_WAIT
    history: bool = True
    allow_duplicates: bool = False
    details: Any = ()  # in the environment also text
    details_requests: int = DETAILS_REQUESTS
    errors_per_operation: int = ERRORS_PER_OPERATION
    pii: str = PII
    pii_key: Optional[TSecretStrValue] = None  # noqa: UP045


NO_CREDENTIALS: Final = BasicCredentials("", "")
"""For commands that never call the API."""


def resolve_settings(*, needs_credentials: bool = True, **given: Any) -> Settings:
    """The settings as dlt resolves them for `comms_source`; those in `given` take precedence.

    Raises:
        ConfigurationError: if a setting is missing, wrong or unsafe.
    """
    resolved = _resolve(SECTIONS, given)
    credentials = resolved["credentials"].chosen() if needs_credentials else NO_CREDENTIALS
    return make_settings(**resolved | {"credentials": credentials})


def resolve_account(name: str, *, credentials: Credentials) -> Settings:
    """The settings of one of several accounts: its own, else the shared ones.

    Credentials are never shared, since they decide whose operations the API returns.

    Raises:
        ConfigurationError: if a setting is wrong or unsafe.
    """
    given = {"account": name, "credentials": TwilioCredentials()}
    resolved = _resolve((*SECTIONS, ACCOUNTS, name), given)
    return make_settings(**resolved | {"credentials": credentials})


def _resolve(sections: tuple[str, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    spec = CommsSourceConfiguration()
    try:
        resolved = resolve_configuration(spec, sections=sections, explicit_value=given or None)
    except ConfigurationException as error:
        raise explained(error) from None
    return dict(resolved)


def make_settings(*, credentials: Credentials, **values: Any) -> Settings:
    """Create the settings from what dlt resolved; durations and lists in text are parsed.

    Raises:
        ConfigurationError: if a setting is missing, wrong or unsafe.
    """
    for name in ("retention", "window", "timeout", "max_api_wait"):
        values[name] = checked(name, parse_duration, values[name])
    for name in ("channels", "details"):
        values[name] = listed(name, values[name])
    return Settings(credentials=credentials, **values)


def listed(setting: str, value: Any) -> Any:
    """The names in text: one, several with commas between them, or a list in JSON.

    Any other value is returned as it is.

    Raises:
        ConfigurationError: if the text begins like JSON, and is no list.
    """
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith(("[", "{")):
        return [name.strip() for name in value.split(",") if name.strip()]
    try:
        names = json.loads(value)
    except ValueError:
        names = None
    if not isinstance(names, list):
        raise wrong_value(setting, "names with commas between them, or a list in JSON", value)
    return names


def read_shared(name: str) -> Any:
    """A setting that all accounts have in common; None if it is not set.

    Raises:
        ConfigurationError: if it is of another type.
    """
    kind = SHARED[name]
    try:
        value: Any = dlt.config.get(".".join((*SECTIONS, name)), kind)
    except ConfigurationException as error:
        raise explained(error) from None
    if value is not None and not isinstance(value, kind):  # dlt takes a list for a table.
        raise wrong_value(name, KINDS[kind], value)
    return value


def parse_date(setting: str, value: Any) -> datetime:
    """The date or time in `value`, in UTC.

    Raises:
        ConfigurationError: if `value` is neither; the message names the setting.
    """
    if not isinstance(value, date) and not (isinstance(value, str) and value.strip()):
        raise wrong_value(setting, f"a date or time such as {_DATES}", value)
    return checked(setting, parse_instant, value)
