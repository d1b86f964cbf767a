"""Add old operations to a database that `comms load` has created; started by `cases`.

python growing.py FILE OPERATIONS
"""

from __future__ import annotations

import sys
from typing import Final

import duckdb

TABLE: Final = "message_operations"
VALUES: Final = {
    "id": "'comms_operation_' || md5(number::varchar)",
    "account": "'default'",
    "status": "'COMPLETED'",
    "created_at": "timestamptz '2023-01-01 00:00:00Z' + interval (number * 9) second",
    "updated_at": "timestamptz '2023-01-01 00:10:00Z' + interval (number * 9) second",
    "synced_at": "timestamptz '2023-01-01 01:00:00Z' + interval (number * 9) second",
    "extra": "null",
    "_dlt_load_id": "'1'",
}
COUNTER: Final = "number % 7"


def main() -> None:
    """Add messages, nine seconds apart, from the year 2023 on."""
    with duckdb.connect(sys.argv[1]) as database:
        columns = database.table(f"comms.{TABLE}").columns
        values = ", ".join(f"{VALUES.get(name, COUNTER)} as {name}" for name in columns)
        database.execute(
            f"insert into comms.{TABLE} by name select {values} from range(?) as made(number)",
            [int(sys.argv[2])],
        )


if __name__ == "__main__":
    main()
