"""Runs a command for each account, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import typer

from comms_source.cli.error_handling import failure_as_dict, print_json
from comms_source.errors import COMPLETE, FAILED, INCOMPLETE, REFUSED, LoadFailed, RunStopped


class Result(Protocol):
    """The result of a command for one account."""

    @property
    def exit_code(self) -> int:
        """The exit code for this account."""

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON."""


R = TypeVar("R", bound=Result)


def run_each(
    act: Callable[[str], R],
    show: Callable[[R], None],
    *,
    names: Sequence[str] | None,
    channels: Sequence[str] | None,
    as_json: bool,
    headings: bool = True,
) -> int:
    """Call `act` with the name of each account, show the results, and return the exit code.

    An error that stops one of several accounts does not stop the others, except `LoadFailed`.

    Args:
        act: Runs the command for one account.
        show: Prints its result as text.
        names: Which accounts; by default all.
        channels: Only accounts that read one of these; by default all.
        as_json: Whether to print JSON instead.
        headings: Whether the name of each of several accounts is printed before its result.

    Raises:
        RunStopped: if it stops the account, and the configuration does not name its accounts.
    """
    from comms_source.config.accounts import account_names, list_accounts  # noqa: PLC0415 - slow

    accounts = list_accounts(names, channels=channels)
    if not account_names():
        return _run_only(act, show, accounts[0], as_json=as_json)
    results: dict[str, dict[str, Any]] = {}
    codes: list[int] = []
    destination_failed = False
    for name in accounts:
        try:
            result = act(name)
        except RunStopped as error:
            codes.append(error.exit_code)
            results[name] = failure_as_dict(error)
            typer.echo(f"comms: account {name}: {type(error).__name__}: {error}", err=True)
            destination_failed = isinstance(error, LoadFailed)
            if destination_failed:
                break  # All accounts load into the same destination.
            continue
        codes.append(result.exit_code)
        results[name] = result.as_dict()
        if not as_json:
            if headings:
                typer.echo(f"account {name}")
            show(result)
    code = FAILED if destination_failed else code_of_all(codes)
    if as_json:
        print_json({"exit_code": code, "accounts": results})
    return code


def _run_only(
    act: Callable[[str], R], show: Callable[[R], None], name: str, *, as_json: bool
) -> int:
    result = act(name)
    if as_json:
        print_json(result.as_dict())
    else:
        show(result)
    return result.exit_code


def code_of_all(codes: Sequence[int]) -> int:
    """0 if all were complete, 3 if any was loaded, 2 if all have wrong settings, else 1."""
    if set(codes) <= {COMPLETE}:
        return COMPLETE
    if {COMPLETE, INCOMPLETE} & set(codes):
        return INCOMPLETE
    return REFUSED if set(codes) == {REFUSED} else FAILED
