"""`comms init`."""

from __future__ import annotations

from pathlib import Path

import typer

from comms_source.cli.error_handling import ending

NEXT = """
What to do next:
  export TWILIO_ACCOUNT_SID=AC... TWILIO_AUTH_TOKEN=...
  (or TWILIO_API_KEY=SK... TWILIO_API_KEY_SECRET=...)
  comms check     checks credentials, channels, clock and destination
  comms load      loads into twilio_comms.duckdb, or as .dlt/config.toml says
To load every 15 minutes, add crontab.example to your crontab (crontab -e). cron
does not see exported variables: copy .dlt/example.secrets.toml to
.dlt/secrets.toml, and fill in credentials.
To schedule with Airflow instead, use the files in dags/. alerts.rules.yml is
for Prometheus, and for the metrics of comms status --openmetrics."""


def init() -> None:
    """Write a project's files into this folder, and overwrite none.

    They are settings, a crontab, alert rules for Prometheus and DAGs for Airflow. Running it again
    is harmless.
    """
    with ending():
        from comms_source.commands.init import write_project  # noqa: PLC0415 - as all commands do

        for file in write_project(Path.cwd()):
            typer.echo(f"{'wrote' if file.is_new else 'kept '}  {file.path}")
        typer.echo(NEXT)
