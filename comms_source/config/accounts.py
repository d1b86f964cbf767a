"""The accounts of a configuration: one without a name, or several with names.

With sections such as `[sources.comms_source.accounts.shop]`, or a list of names in `accounts`, each
account has its own credentials in its section, and may have any other setting there. All other
settings are shared. Its name is the label on its rows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dlt
from dlt.common.typing import TSecretStrValue

from comms_source.config.credentials import FIELDS, Credentials, complete_pair
from comms_source.config.resolve import (
    ACCOUNTS,
    NO_CREDENTIALS,
    SECTIONS,
    listed,
    resolve_account,
    resolve_settings,
)
from comms_source.config.settings import Settings, check_channels, wrong_value
from comms_source.config.unread import take_unread
from comms_source.config.waits import check_waits
from comms_source.errors import ConfigurationError

logger = logging.getLogger("comms_source")


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its settings, or with the error in them."""

    name: str
    found: Settings | ConfigurationError
    section: str | None = None
    """Its name in the configuration; None if there is one account without a section."""

    @property
    def settings(self) -> Settings:
        """The settings.

        Raises:
            ConfigurationError: if one of them is missing, wrong or unsafe; it does not name the
                account.
        """
        if isinstance(self.found, ConfigurationError):
            raise self.found
        return self.found


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts that a command selects."""

    selected: Sequence[Account]
    several: bool
    """Whether the configuration names its accounts, even if it is only one."""


def read_accounts(
    *,
    names: Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    refresh: str | None = None,
    needs_credentials: bool = True,
) -> Accounts:
    """The accounts of the configuration, or those in `names`.

    Args:
        names: Which accounts; by default all.
        channels: Only these of the channels that an account is configured for; by default all. An
            account without any of them is left out.
        refresh: Overrides the `refresh` setting.
        needs_credentials: Whether an account without credentials is an error.

    Raises:
        ConfigurationError: if a name or a channel is unknown, or two accounts are the same. If the
            accounts have no names, also if a setting is missing, wrong or unsafe. With names, an
            error in the settings of one account is raised by its `settings`.
    """
    known = account_names()
    check_waits()
    if not known:
        given = {"channels": list(channels or ()), "refresh": refresh}
        own = {name: value for name, value in given.items() if value}
        settings = resolve_settings(needs_credentials=needs_credentials, **own)
        if names and set(names) != {settings.account}:
            raise ConfigurationError(
                f"account: there is one account in the configuration, {settings.account!r}; "
                f"other accounts need a section [{'.'.join(SECTIONS)}.{ACCOUNTS}.NAME] each"
            )
        return Accounts([Account(settings.account, settings)], several=False)
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ConfigurationError(
            f"account: {', '.join(map(repr, unknown))} has no section in the configuration; "
            f"the accounts are {', '.join(known)}"
        )
    if channels:
        check_channels(channels)
    accounts = [_named(name, needs_credentials=needs_credentials) for name in known]
    if needs_credentials:
        _check_distinct(accounts)
    chosen = [account for account in accounts if account.name in (names or known)]
    return Accounts(list(_narrowed(chosen, channels, refresh)), several=True)


def one_account(
    name: str | None,
    *,
    channels: Sequence[str] | None = None,
    refresh: str | None = None,
    needs_credentials: bool = True,
) -> Account:
    """The account with that name, its settings checked; without a name, the only one.

    Raises:
        ConfigurationError: if there is no such account, if there are several and `name` is None, or
            if its settings are wrong.
    """
    names = None if name is None else [name]
    found = read_accounts(
        names=names, channels=channels, refresh=refresh, needs_credentials=needs_credentials
    ).selected
    if not found:
        raise ConfigurationError(
            f"channels: account {name or ''} is not configured to read {', '.join(channels or ())}"
        )
    if len(found) > 1:
        known = ", ".join(account.name for account in found)
        raise ConfigurationError(f"account: there are several accounts, so name one of {known}")
    return replace(found[0], found=found[0].settings)


def list_accounts(
    names: Sequence[str] | None = None, *, channels: Sequence[str] | None = None
) -> list[str]:
    """The names of the accounts in the configuration, or of those in `names`, that read `channels`.

    An account with wrong settings is included: the error is raised when it is used.

    Raises:
        ConfigurationError: if a name or a channel is unknown.
    """
    accounts = read_accounts(names=names, channels=channels, needs_credentials=False)
    return [account.name for account in accounts.selected]


def account_names() -> list[str]:
    """The names of the accounts, in the order of the configuration; empty if they have none.

    Each command asks for them first, so it is logged here which settings nothing reads.

    Raises:
        ConfigurationError: if `accounts` is neither sections nor a list, or a file with settings
            cannot be read.
    """
    names = _configured_names()
    if unread := take_unread(names):
        logger.warning("%s", "; ".join(unread))
    return names


def unread_settings() -> list[str]:
    """A sentence for each setting that nothing reads, which is then not logged any more.

    Raises:
        ConfigurationError: as `account_names` does.
    """
    return take_unread(_configured_names())


def _configured_names() -> list[str]:
    names: dict[str, None] = {}
    for provider in dlt.config.config_providers:
        setting, _ = provider.get_value(ACCOUNTS, Any, None, *SECTIONS)
        names |= dict.fromkeys(_names(setting))
    return list(names)


def _names(setting: Any) -> Sequence[str]:
    if setting is None or isinstance(setting, Mapping):
        return list(setting or ())
    names = listed(ACCOUNTS, setting)
    if not isinstance(names, list):
        raise wrong_value(
            ACCOUNTS, 'names such as ["shop", "news"], or a section for each account', setting
        )
    return [str(name) for name in names]


def _named(name: str, *, needs_credentials: bool) -> Account:
    try:
        credentials = _own_credentials(name) if needs_credentials else NO_CREDENTIALS
        settings = resolve_account(name, credentials=credentials)
    except ConfigurationError as error:
        return Account(name, error, section=name)
    return Account(name, settings, section=name)


def _own_credentials(name: str) -> Credentials:
    section = (*SECTIONS, ACCOUNTS, name, "credentials")
    values = {field: _exactly(field, section) for field in FIELDS}
    # An address is no credential, so accounts share it like any other setting.
    values["token_url"] = values["token_url"] or _exactly("token_url", (*SECTIONS, "credentials"))
    pair = complete_pair(values)
    if pair is None:
        raise ConfigurationError(
            "credentials: no complete pair; set api_key and api_key_secret, or account_id and "
            f"auth_token, or client_id and client_secret, in [{'.'.join(section)}] of "
            f".dlt/secrets.toml, or in the environment as {'__'.join(section).upper()}__API_KEY "
            "and so on; accounts do not share credentials"
        )
    return pair


def _exactly(field: str, section: Sequence[str]) -> str | None:
    """A value from exactly this section: dlt itself would continue in the outer sections.

    Secrets are not taken from config.toml; an address may be there.
    """
    accessor = dlt.config if field == "token_url" else dlt.secrets
    for provider in accessor.config_providers:
        value, _ = provider.get_value(field, TSecretStrValue, None, *section)
        if value:
            return str(value)
    return None


def _check_distinct(accounts: Sequence[Account]) -> None:
    """Reject one account under two names: each load would give its rows the other label."""
    seen: dict[tuple[str, str], str] = {}
    for account in accounts:
        if isinstance(account.found, Settings):
            user = (account.found.base_url, account.found.credentials.user)
            other = seen.setdefault(user, account.name)
            if other != account.name:
                raise ConfigurationError(
                    f"{ACCOUNTS}: {other} and {account.name} have the same credentials, so they "
                    "are one account; give each its own, or remove one"
                )


def _narrowed(
    accounts: Sequence[Account], channels: Sequence[str] | None, refresh: str | None
) -> Iterator[Account]:
    for account in accounts:
        if isinstance(account.found, ConfigurationError):
            yield account
            continue
        settings = account.found
        left = [name for name in settings.channels if not channels or name in channels]
        changes: dict[str, Any] = {"refresh": refresh} if refresh else {}
        if left:
            yield replace(account, found=replace(settings, channels=left, **changes))
