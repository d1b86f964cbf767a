"""Count the operations in a database that `comms load` has written; started by `participants`.

    python counting.py FILE

It is a separate process because a child process is measured with at least the memory of its parent,
so the measuring process must stay small.
"""

from __future__ import annotations

import sys

import duckdb

from comms_source.channels import CHANNELS


def main() -> None:
    """Print the number of operations of all channels in the file."""
    with duckdb.connect(sys.argv[1], read_only=True) as database:
        rows = sum(
            database.table(f"comms.{channel.table}").shape[0] for channel in CHANNELS.values()
        )
    sys.stdout.write(f"{rows}\n")


if __name__ == "__main__":
    main()
