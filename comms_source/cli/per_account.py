"""One account after the other: what each comes to, and how the command ends for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import typer

from comms_source.cli.error_handling import failure_as_dict, print_json
from comms_source.config.accounts import Accounts
from comms_source.config.settings import Settings
from comms_source.errors import LoadFailed, RunStopped
from comms_source.exit_codes import COMPLETE, FAILED, INCOMPLETE, REFUSED, exit_code

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Generic[R]):
    """What a command does with one account, and how it tells what came of it."""

    act: Callable[[Settings], R]
    show: Callable[[R], None]
    as_dict: Callable[[R], dict[str, Any]]
    code: Callable[[R], int]


def run_each(command: Command[R], accounts: Accounts, *, as_json: bool = False) -> int:
    """Do it for every account, tell each, and return the exit code of all.

    What stops one of several accounts does not stop the others, unless it is the destination.

    Raises:
        RunStopped: what stops the account, where the configuration has no names for accounts.
    """
    if not accounts.several:
        (only,) = accounts.selected
        return _run_only(command, only.settings, as_json=as_json)
    told: dict[str, dict[str, Any]] = {}
    codes: list[int] = []
    for name, result in _results(command, accounts):
        if isinstance(result, RunStopped):
            codes.append(exit_code(result))
            told[name] = failure_as_dict(result)
            typer.echo(f"comms: account {name}: {type(result).__name__}: {result}", err=True)
            continue
        codes.append(command.code(result))
        told[name] = command.as_dict(result)
        if not as_json:
            typer.echo(f"account {name}")
            command.show(result)
    code = code_of_all(codes) if len(codes) == len(accounts.selected) else FAILED
    if as_json:
        print_json({"exit_code": code, "accounts": told})
    return code


def _results(command: Command[R], accounts: Accounts) -> Iterator[tuple[str, R | RunStopped]]:
    """What each account comes to; the last is the one at which the destination gave up, if any."""
    for account in accounts.selected:
        try:
            yield account.name, command.act(account.settings)
        except LoadFailed as error:
            yield account.name, error
            return
        except RunStopped as error:
            yield account.name, error


def _run_only(command: Command[R], settings: Settings, *, as_json: bool) -> int:
    result = command.act(settings)
    if as_json:
        print_json(command.as_dict(result))
    else:
        command.show(result)
    return command.code(result)


def code_of_all(codes: Sequence[int]) -> int:
    """0 if all were complete, 3 if any was read, else 2 if the settings of all are to blame."""
    if set(codes) <= {COMPLETE}:
        return COMPLETE
    if {COMPLETE, INCOMPLETE} & set(codes):
        return INCOMPLETE
    return REFUSED if set(codes) == {REFUSED} else FAILED
