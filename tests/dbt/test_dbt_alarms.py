"""What turns dbt red, by the name of the test, and what is a warning."""

from __future__ import annotations

from tests.dbt.conftest import World
from tests.dbt.planted import ODDITIES, TWICE, forget_readings, found_gap


def red(world: World) -> set[str]:
    """The tests that fail in a build, which then ends with 1."""
    ran = world.dbt.run("build")
    assert ran.exit_code == 1, ran.output[-2000:]
    return ran.of_status("fail", "error")


def test_a_new_gap_is_red(world: World) -> None:
    """And nothing else is."""
    world.execute(found_gap(days=1))

    assert red(world) == {"no_new_gaps"}


def test_a_duplicate_is_red(world: World) -> None:
    """Its id is no key any more: in the table, in the view, and in both together."""
    world.execute(TWICE)

    assert red(world) == {
        "source_unique_comms_message_operations_id",
        "source_unique_comms_views_operations_id",
        "no_duplicates",
    }


def test_a_stale_load_is_red(world: World) -> None:
    """By the freshness of coverage, which is green right after a load."""
    fresh = world.dbt.run("source", "freshness")
    assert (fresh.exit_code, fresh.statuses) == (0, {"coverage": "pass"})
    world.execute("update comms.coverage set read_at = read_at - interval '2 days'")

    stale = world.dbt.run("source", "freshness")

    assert (stale.exit_code, stale.statuses) == (1, {"coverage": "error"})


def test_a_deadline_that_is_near_is_red(world: World) -> None:
    """Of one channel, while the others are fresh."""
    world.execute(forget_readings(days=6))

    assert red(world) == {"deadline_is_not_near"}


def test_what_a_person_should_look_at_is_a_warning(world: World) -> None:
    """A build with all of these ends with 0, and names each."""
    world.execute(*ODDITIES)

    ran = world.dbt.run("build", comms_details=True)

    found = ran.of_status("warn")
    generic = {name for name in found if name.startswith("source_")}
    assert ran.exit_code == 0, ran.output[-2000:]
    assert found - generic == {
        "every_channel_is_read",
        "labels_have_operations",
        "last_runs_were_complete",
        "no_details_expired",
        "no_figures_freeze",
        "no_open_rejections",
    }
    assert {name.split("__")[0].removeprefix("source_") for name in generic} >= {
        "accepted_values_comms_message_operations_status",
        "relationships_comms_email_operation_history_id",
    }
