"""`dbt build` on DuckDB and PostgreSQL, over what a load has left, with both kinds of views."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from comms_source.views.files import public_views
from tests.dbt.conftest import MADE, World
from tests.dbt.dbt_program import Dbt, Ran
from tests.dbt.planted import forget_readings, found_gap

GREEN: Final = {"pass", "success", "no-op"}

Row = tuple[Any, ...]


def assert_green(ran: Ran) -> None:
    """Nothing failed, nothing was skipped, and nothing is a warning."""
    assert ran.exit_code == 0, ran.output[-2000:]
    assert {name: s for name, s in ran.statuses.items() if s not in GREEN} == {}
    assert "WARNING" not in ran.output


def test_existing_views_are_green_twice(world: World) -> None:
    """Each test passes, also after a gap that was found long ago, and nothing is built."""
    for _ in range(2):
        ran = world.dbt.run("build")
        assert_green(ran)
        assert {"no_new_gaps", "deadline_is_not_near", "no_duplicates"} <= ran.of_status("pass")
        world.execute(found_gap(days=8))
    tables = f"select * from information_schema.tables where table_schema = '{MADE}'"
    assert world.rows(tables) == [[]]


def test_models_are_green_twice_and_return_what_the_views_return(world: World) -> None:
    """Row by row, with labels from the seed; a label that leaves the seed leaves the table."""
    seed = world.dbt.folder / "seeds" / "operation_labels_seed.csv"
    header = seed.read_text()
    ids = [name for (name,) in world.rows("select id from comms.message_operations order by id")[0]]
    labels = [f"default,{name},campaign,spring\n" for name in ids[:2]]
    world.execute(
        f"insert into comms.operation_labels values ('default', '{ids[2]}', 'campaign', 'mine')"
    )
    try:
        for rows in (labels, labels[:1]):
            seed.write_text(header + "".join(rows))
            ran = world.dbt.run(
                "build", comms_views="models", comms_details=True, comms_seed_labels=True
            )
            assert_green(ran)
            assert {view.name for view in public_views(details=True)} <= ran.of_status("success")
    finally:
        seed.write_text(header)

    kept = "select operation_id, value from comms.operation_labels order by operation_id"
    assert world.rows(kept) == [[(ids[0], "spring"), (ids[2], "mine")]]
    for view in public_views(details=True):
        theirs, ours = world.rows(
            *(f'select * from {schema}."{view.name}"' for schema in ("comms", MADE))
        )
        assert_alike(ours, theirs, name=view.name)


def assert_alike(ours: Sequence[Row], theirs: Sequence[Row], *, name: str) -> None:
    """The same rows in any order; fractions may differ in their last digits.

    They are not rounded to be compared: two that are almost equal may round differently.
    """

    def order(row: Row) -> tuple[Any, ...]:
        return exact(row), [round(cell, 3) for cell in fractions(row)]

    for one, other in zip(sorted(ours, key=order), sorted(theirs, key=order), strict=True):
        assert exact(one) == exact(other), name
        assert fractions(one) == pytest.approx(fractions(other), abs=1e-6), name


def exact(row: Row) -> tuple[str, ...]:
    """The values of a row that must be equal, as texts."""
    return tuple(
        cell.isoformat() if isinstance(cell, datetime) else repr(cell)
        for cell in row
        if not is_fraction(cell)
    )


def fractions(row: Row) -> list[float]:
    """The other values."""
    return [cell for cell in row if is_fraction(cell)]


def is_fraction(cell: Any) -> bool:
    """Whether a value was calculated as a fraction."""
    return isinstance(cell, float) and math.isfinite(cell)


def test_variables_that_cannot_work_are_refused(world: World) -> None:
    """Before anything runs, all of them by their names."""
    ran = world.dbt.run("build", comms_views="model", comms_counter_mode={"sms": "x"})

    said = " ".join(ran.output.split())
    assert ran.exit_code != 0
    for why in (
        "comms_views: expected existing or models, got model",
        "comms_counter_mode: expected a channel with exclusive or cumulative, got sms: x",
    ):
        assert why in said


def test_models_do_not_replace_the_views_of_comms_source(world: World) -> None:
    """A schema that both would use is refused, and the views stay."""
    ran = world.dbt.run("build", comms_views="models", comms_schema=MADE)

    assert ran.exit_code != 0
    assert "would replace a view of comms-source" in " ".join(ran.output.split())


def test_a_team_adds_the_package_to_its_project(world: World, tmp_path: Path) -> None:
    """Its model reads a view, of both kinds, by the macro; a stopped channel is no alarm."""
    world.execute(forget_readings(days=6))
    team = write_team(tmp_path / "team", package=world.dbt.folder)
    profiles = {"DBT_PROFILES_DIR": str(world.dbt.folder)}
    dbt = Dbt(team, {**world.dbt.environment, **profiles})
    assert dbt.run("deps").exit_code == 0
    totals = "select sum(operations) from {}.{}"
    for kind in ("existing", "models"):
        ran = dbt.run(
            "build",
            "--select",
            "+our_delivery",
            "+sync_health",
            "deadline_is_not_near",
            "--indirect-selection=cautious",  # no test of a view that is not built here
            comms_views=kind,
        )
        assert_green(ran)
        assert {"our_delivery", "deadline_is_not_near"} <= ran.statuses.keys()
        stored, ours = world.rows(
            totals.format("comms", "daily_delivery"), totals.format(MADE, "our_delivery")
        )
        assert stored == ours
    assert world.rows(totals.format(f"{MADE}_marts", "daily_delivery")) == [stored]


def write_team(folder: Path, *, package: Path) -> Path:
    """A project with a model, and this package."""
    (folder / "models").mkdir(parents=True)
    files = {
        "packages.yml": f"packages:\n  - local: {package}\n",
        "dbt_project.yml": (
            "name: team\nversion: '1.0.0'\nconfig-version: 2\nprofile: comms_source\n"
            "flags: {send_anonymous_usage_stats: false}\n"
            "vars: {comms_source: {comms_stopped: [default/emails]}}\n"
            "models: {comms_source: {+schema: marts}}\n"
        ),
        "models/our_delivery.sql": "select * from {{ comms_source.view('daily_delivery') }}\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder
