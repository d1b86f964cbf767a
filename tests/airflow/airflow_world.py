"""What the DAGs use: accounts, each a sandbox, a database to load into, and settings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from comms_source.channels import CHANNELS
from comms_source.sandbox import AUTH_TOKEN, Clock, Sandbox, SandboxSettings
from tests.postgres import Postgres
from tests.support import columns_of, last_second, true

DATABASE: Final = "warehouse"
OPERATIONS: Final = 300
"""A week, on each channel of each account."""
ACCOUNT_IDS: Final = tuple(f"AC{number:032d}" for number in range(1, 10))
# The sandboxes' clocks stand still and the machine's does not. A day more than their retention is
# read, so that nothing leaves it while the tests run.
SETTINGS: Final = """
destination_type = "postgres"

[sources.comms_source]
channels = {channels}
page_size = 20
concurrency = 2
retention = "8 days"
history = false

[runtime]
dlthub_telemetry = false
"""

Rows = dict[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class World:
    """Sandboxes by account, and the database that they are loaded into."""

    channels: Sequence[str]
    sandboxes: Mapping[str, Sandbox]
    postgres: Postgres

    def truth(
        self,
        channel: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        accounts: Sequence[str] | None = None,
    ) -> Rows:
        """The rows that a channel's table should have, by id, created in `[since, until)`."""
        rows: Rows = {}
        for account in accounts or self.sandboxes:
            for name, (_, *others) in true(self.sandboxes[account], channel).items():
                assert name not in rows
                rows[name] = (account, *others)
        created = columns_of(channel).index("created_at")
        return {
            name: row
            for name, row in rows.items()
            if (since is None or row[created] >= since) and (until is None or row[created] < until)
        }

    def stored(self, channel: str) -> Rows:
        """The rows that a channel's table has, by id."""
        columns = ", ".join(columns_of(channel))
        rows = self.ask(f"select id, {columns} from comms.{CHANNELS[channel].table}")
        assert len({row[0] for row in rows}) == len(rows)
        return {row[0]: tuple(row[1:]) for row in rows}

    def ask(self, query: str) -> list[Any]:
        """The rows that a query returns."""
        with self.postgres.connect(DATABASE) as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())


@contextmanager
def made_world(
    *, project: Path, postgres: Postgres, accounts: Sequence[str], channels: Sequence[str]
) -> Iterator[World]:
    """Serve an account each, and write the settings that read them into an empty database."""
    url = postgres.make_database(DATABASE)
    shutil.rmtree(project, ignore_errors=True)
    (project / ".dlt").mkdir(parents=True)
    (project / ".dlt" / "config.toml").write_text(SETTINGS.format(channels=json.dumps(channels)))
    with ExitStack() as serving:
        secrets = [f'[destination.postgres]\ncredentials = "{url}"']
        sandboxes = {}
        for seed, account in enumerate(accounts, start=1):
            user = ACCOUNT_IDS[seed]
            settings = SandboxSettings(
                seed=seed, operations_per_week=OPERATIONS, credentials={user: AUTH_TOKEN}
            )
            sandbox = serving.enter_context(Sandbox(settings, Clock(last_second())))
            sandboxes[account] = sandbox
            section = f"sources.comms_source.accounts.{account}"
            secrets.append(f'[{section}]\nbase_url = "{sandbox.url}"')
            secrets.append(
                f'[{section}.credentials]\naccount_id = "{user}"\nauth_token = "{AUTH_TOKEN}"'
            )
        (project / ".dlt" / "secrets.toml").write_text("\n\n".join(secrets))
        yield World(channels, sandboxes, postgres)
