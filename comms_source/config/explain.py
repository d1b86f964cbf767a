"""What dlt's configuration errors mean, in one sentence each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigurationException,
    ConfigValueCannotBeCoercedException,
    FieldLookupTraces,
    InvalidNativeValue,
    LookupTraces,
    ValueNotSecretException,
)

from comms_source.config.settings import RULES, wrong_value
from comms_source.errors import ConfigurationError

T = TypeVar("T")

KINDS: Final[Mapping[type, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "a table, or JSON in the environment",
}
"""What a value of each type is called in messages."""


def explained(error: ConfigurationException, *, section: str = "") -> ConfigurationError:
    """Our error for one of dlt's: which setting it is about, and what to do.

    Args:
        error: The error.
        section: Whose setting it is, if not ours; its value is then not shown.
    """
    if isinstance(error, ConfigValueCannotBeCoercedException):
        return _wrong_type(error, section=section)
    if isinstance(error, ValueNotSecretException):
        return ConfigurationError(
            f"{error.key}: dlt does not take it from {error.provider_name}, since it may hold a "
            f"secret; move it into .dlt/secrets.toml, or set {as_variable(error.key)}"
        )
    if isinstance(error, ConfigFieldMissingException):
        variables = ", ".join(_missing(error.traces))
        return ConfigurationError(
            f"settings are missing: set {variables} in the environment, or the same in "
            ".dlt/secrets.toml"
        )
    if isinstance(error, InvalidNativeValue):
        setting = ".".join(filter(None, (section, *error.embedded_sections)))
        return ConfigurationError(f"{setting}: {_first_line(error.inner_exception)}")
    return ConfigurationError(_first_line(error))


def checked(setting: str, parse: Callable[[Any], T], value: Any) -> T:
    """The value of a setting, parsed.

    Raises:
        ConfigurationError: if `parse` raises `ValueError`; the message names the setting.
    """
    try:
        return parse(value)
    except ValueError as error:
        raise ConfigurationError(f"{setting}: {error}") from None


def as_variable(key: str) -> str:
    """The environment variable of a setting with its sections."""
    return key.replace(".", "__").upper()


def _wrong_type(error: ConfigValueCannotBeCoercedException, *, section: str) -> ConfigurationError:
    setting = error.field_name.rpartition(".")[2]
    kind = KINDS.get(error.hint, "another kind of value")
    if section:
        # A destination's settings are its own, and their values may be secrets.
        return ConfigurationError(f"{section}: {setting} has to be {kind}")
    rule = RULES.get(setting)
    return wrong_value(setting, rule.expected if rule else kind, error.field_value)


def _missing(traces: FieldLookupTraces) -> Iterator[str]:
    """The environment variables of what is missing, as dlt looks for them first."""
    for field, found in traces.items():
        first = next(iter(found), None)
        if isinstance(first, LookupTraces):
            # Of several kinds of credentials the first is the usual one.
            yield from _missing(first.traces)
        else:
            yield as_variable(".".join((*first.sections, field)) if first else field)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
