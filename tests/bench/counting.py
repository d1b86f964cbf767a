"""Counts the operations in a database that `comms load` has written; started by `participants`.

    python counting.py FILE

A process of its own: a child counts as using at least the memory that its parent used when it was
started, so whoever measures has to stay small.
"""

from __future__ import annotations

import sys

import duckdb

from comms_source.channels import CHANNELS


def main() -> None:
    """Print how many operations of all channels the file holds."""
    with duckdb.connect(sys.argv[1], read_only=True) as database:
        rows = sum(
            database.table(f"comms.{channel.table}").shape[0] for channel in CHANNELS.values()
        )
    sys.stdout.write(f"{rows}\n")


if __name__ == "__main__":
    main()
