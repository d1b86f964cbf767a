"""Settings that nothing reads: names that are misspelled, or in the wrong section.

What is known is taken from where it is read: the fields of our configuration, the shared settings,
the credentials, and dlt's own specifications. In our section every other name is reported; where
dlt and others have theirs too, only one that resembles a name that is read.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, Literal, get_args
from weakref import WeakSet

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs import (
    BaseConfiguration,
    PluggableRunContext,
    known_sections,
)
from dlt.common.destination import Destination

from comms_source.config.credentials import FIELDS
from comms_source.config.dlt_internals import PIPELINE_SETTINGS, settings_files
from comms_source.config.resolve import ACCOUNTS, SECTIONS, SHARED, CommsSourceConfiguration

Path = tuple[str, ...]
"""The sections of a setting, and its name."""

SOURCES, OURS = SECTIONS
OF_ACCOUNT: Final = frozenset(CommsSourceConfiguration().get_resolvable_fields())
"""The settings that an account may have for itself."""
KNOWN: Final = OF_ACCOUNT | SHARED.keys() | {ACCOUNTS}
"""The settings in our section."""
AT_THE_TOP: Final = ("destination_type", "dataset_name")
"""The settings of dlt's that the commands read at the top of a file."""
DLTS: Final = frozenset(
    name for made in (dlt.source, dlt.resource) for name in inspect.signature(made).parameters
)
"""What dlt calls the properties of a source and of its resources."""
DESTINATIONS: Final = frozenset(dlt.destinations.__all__) - {"destination"}

_TABLES: Final = frozenset(name for name, kind in SHARED.items() if kind is dict)
_DLTS_SECTIONS: Final = frozenset(
    value for name, value in vars(known_sections).items() if name.isupper()
) - {"destinations"}  # which it does not read yet
_HOMES: Final[Mapping[str, Path]] = {
    **{name: (*SECTIONS, name) for name in SHARED.keys() | {ACCOUNTS}},
    **{name: (name,) for name in AT_THE_TOP},
    OURS: SECTIONS,
}
"""Where a name belongs that is read in one place only."""
_ALIKE: Final = 0.8
_SIMILAR: Final = 0.7
"""How much a name must resemble another (difflib's ratio): to be taken for it, where others have
names too; and to be proposed for one that is wrong in any case."""


@dataclass(frozen=True, slots=True)
class Section:
    """The names that may be in a section."""

    names: Mapping[str, Section | None]
    """What may be in each of them; None: anything, or it is no section."""
    tells: Literal["all", "settings", "alike"] = "alike"
    """Which other names are reported: all; settings, and sections if alike; only if alike."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A setting, or a section of settings, that nothing reads."""

    path: Path
    """As it is written, up to the name that is wrong."""
    meant: Path | None
    """What it resembles; None if that is nothing."""


_reported: Final[WeakSet[Any]] = WeakSet()


def take_unread(accounts: Collection[str]) -> list[str]:
    """A sentence for each setting that nothing reads; the next call has nothing more to tell.

    Args:
        accounts: The names of the accounts.
    """
    providers = Container()[PluggableRunContext].providers
    if providers in _reported:
        return []
    _reported.add(providers)
    return find_unread(settings_files(providers), environment=os.environ, accounts=accounts)


def find_unread(
    files: Mapping[str, Mapping[str, Any]],
    *,
    environment: Mapping[str, str],
    accounts: Collection[str] = (),
) -> list[str]:
    """A sentence for each setting that nothing reads, in files (by name) and the environment."""
    variables = {name: tuple(name.lower().split("__")) for name in environment}
    of_files = [(file, path) for file, document in files.items() for path in _leaves(document)]
    named = {
        path[1]
        for path in (*variables.values(), *(path for _, path in of_files))
        if path[:1] == (known_sections.DESTINATION,) and path[2:] == ("destination_type",)
    }
    in_files = known_names(accounts, destinations=named, are_variables=False)
    in_variables = known_names(accounts, destinations=named, are_variables=True)
    sentences = [
        _of_file(found, path=path, file=file)
        for file, path in of_files
        if (found := judge(path, in_files))
    ]
    sentences += [
        _of_variable(found, variable=name, path=variables[name])
        for name in sorted(variables)
        if (found := _judge_variable(name, variables[name], in_variables))
    ]
    return list(dict.fromkeys(sentences))


def known_names(
    accounts: Collection[str], *, destinations: Collection[str], are_variables: bool
) -> Section:
    """All that may be written, from the top of a file on.

    Args:
        accounts: The names of the accounts.
        destinations: The names that the configuration gives to destinations.
        are_variables: Whether it is the environment: there accounts are in any case, and a table
            is one variable.
    """
    # dlt looks for a source's settings further outside too.
    anywhere = dict.fromkeys(OF_ACCOUNT)
    if are_variables:
        ours = _our_section([name.lower() for name in accounts], tables=_TABLES)
    else:
        ours = _our_section(accounts)
    places: dict[str, Section | None] = {name: _destination(name) for name in DESTINATIONS}
    places |= dict.fromkeys((*AT_THE_TOP, *destinations))
    return Section(
        {
            **anywhere,
            **dict.fromkeys(PIPELINE_SETTINGS.union(AT_THE_TOP, _DLTS_SECTIONS)),
            # dlt also looks in a section with the source's name.
            SOURCES: Section({**anywhere, OURS: Section({**ours.names, OURS: ours}, "settings")}),
            known_sections.DESTINATION: Section(places),
        }
    )


def _our_section(accounts: Collection[str], *, tables: Collection[str] = ()) -> Section:
    """The names in our section; nothing may be inside `tables`."""
    credentials = Section(dict.fromkeys(FIELDS), "all")
    own = {**dict.fromkeys(OF_ACCOUNT - {"account"}), "credentials": credentials}
    account = Section(own, "all")
    # In the environment, a name with two underscores looks like two.
    is_plain = not any("__" in name for name in accounts)
    return Section(
        {
            **dict.fromkeys(KNOWN | DLTS | _DLTS_SECTIONS),
            **dict.fromkeys(tables, Section({}, "all")),
            "credentials": credentials,
            ACCOUNTS: Section(dict.fromkeys(accounts, account), "all") if is_plain else None,
        },
        "settings",
    )


@cache
def _destination(name: str) -> Section:
    """The settings of one of dlt's destinations, and its credentials of whichever kind."""
    factory: Any = Destination.from_reference(name)
    fields: Mapping[str, Any] = factory.spec().get_resolvable_fields()
    hint = fields.get("credentials")
    credentials: dict[str, Section | None] = {
        field: None
        for kind in (hint, *get_args(hint))
        if isinstance(kind, type) and issubclass(kind, BaseConfiguration)
        for field in kind().get_resolvable_fields()
    }
    return Section({**dict.fromkeys(fields), "credentials": Section(credentials)})


def judge(path: Path, known: Section) -> Unread | None:
    """What nobody reads of a setting's sections and name; None if all may be read."""
    section: Section | None = known
    for depth, name in enumerate(path):
        if section is None:
            return None
        if name not in section.names:
            return _judge_name(path[: depth + 1], section, is_last=depth + 1 == len(path))
        section = section.names[name]
    return None


def _judge_name(path: Path, section: Section, *, is_last: bool) -> Unread | None:
    *before, name = path
    home = _HOMES.get(name)
    if home and (is_last or name == OURS):
        return Unread(path, home)
    is_wrong = section.tells == "all" or (section.tells == "settings" and is_last)
    if is_wrong and not section.names:
        return Unread(path, tuple(before))
    candidates = section.names.keys() - (DLTS - KNOWN) if is_wrong else section.names
    near = _nearest(name, candidates, alike=_SIMILAR if is_wrong else _ALIKE)
    return Unread(path, (*before, near) if near else None) if is_wrong or near else None


def _judge_variable(variable: str, path: Path, known: Section) -> Unread | None:
    if meant := _collapsed().get(_collapse(variable)):
        return None if path == meant and variable.isupper() else Unread(path, meant)
    if not variable.isupper():
        return None
    if len(path) == 1:
        near = None if path[0] in known.names else _nearest(path[0], AT_THE_TOP, alike=_ALIKE)
        return Unread(path, (near,)) if near else None
    first, second, *_ = path
    concerns_us = _nearest(second, [OURS], alike=_ALIKE) or _nearest(first, [OURS], alike=_ALIKE)
    is_destination = _nearest(first, [known_sections.DESTINATION], alike=_ALIKE)
    return judge(path, known) if concerns_us or is_destination else None


def _nearest(name: str, names: Collection[str], *, alike: float) -> str | None:
    """The name that is most like `name`, or begins with it."""
    begun = [other for other in names if len(name) > 3 and other.startswith(f"{name}_")]  # noqa: PLR2004
    found = get_close_matches(name.lower(), sorted(names), n=1, cutoff=alike) or sorted(begun)
    return found[0] if found else None


@cache
def _collapsed() -> dict[str, Path]:
    """Our settings by the names of their variables, as if with single underscores."""
    paths: list[Path] = [(*SECTIONS, name) for name in KNOWN]
    paths += [(*SECTIONS, "credentials", name) for name in FIELDS]
    return {_collapse("_".join(path)): path for path in paths}


def _collapse(variable: str) -> str:
    return re.sub("_+", "_", variable).lower()


def _leaves(document: Mapping[str, Any], before: Path = ()) -> Iterator[Path]:
    """The paths of all settings in a file, with their sections."""
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*before, name))
        else:
            yield (*before, name)


def _of_file(found: Unread, *, path: Path, file: str) -> str:
    is_section = len(found.path) < len(path)
    named = _written(found.path, is_section=is_section)
    if found.meant is None:
        return f"{named} of {file} is not read (comms init writes a file with all settings)"
    is_beside = not is_section and found.meant[:-1] == found.path[:-1]
    meant = found.meant[-1] if is_beside else _written(found.meant, is_section=is_section)
    return f"{named} of {file} is not read (did you mean {meant}?)"


def _written(path: Path, *, is_section: bool) -> str:
    if is_section:
        return f"[{'.'.join(path)}]"
    return f"{path[-1]} in [{'.'.join(path[:-1])}]" if path[1:] else f"{path[0]} at the top"


def _of_variable(found: Unread, *, variable: str, path: Path) -> str:
    subject = f"the environment variable {variable} is not read"
    if found.path[:-1] == (*SECTIONS, ACCOUNTS):
        return f"{subject} ({'__'.join(found.path[:-1]).upper()} lists no account of that name)"
    if found.meant is None:
        return f"{subject} (comms init writes a config.toml with the names of all settings)"
    meant = "__".join((*found.meant, *path[len(found.path) :])).upper()
    return f"{subject} (did you mean {meant}?)"
