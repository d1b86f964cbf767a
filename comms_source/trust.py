"""When what a machine remembers of a destination may be believed. Pure."""

from __future__ import annotations


def may_go_on(*, own: str | None, based_on: str | None, stored: str | None) -> bool:
    """Whether a machine's state came from a load that the destination knows.

    A state is named by its hash.

    Args:
        own: The machine's state; None where it has none yet.
        based_on: The state before the packages that are pending; `own` where none are. None where
            these are the first.
        stored: The state that the destination holds; None where it holds none.
    """
    # With the machine's own state stored, the last package was loaded, and not yet put away.
    return own is None or stored in {own, based_on}
