"""The queries of a report, as text. Pure.

Each is short SQL that every destination supports: sums over a view, or a few of its rows. `{name}`
is a table or view of the dataset. `{where}` selects the channels and the account. The columns after
the channel are in the order in which `parse` reads them.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from comms_source.report.data.sums import Sums

SUMMED: Final = tuple(field.name for field in fields(Sums))
"""The columns of `daily_delivery` that are summed."""

LIMITS: Final = {
    "most_worst": 10,
    "most_stuck": 20,
    "most_gaps": 1000,
    "most_causes": 10,
    "most_tags": 10,
}
"""The maximum number of worst operations per channel and ranking, of stuck operations per channel
and reason, of gaps, and of error codes and tags per channel."""

SETTINGS: Final = "select setting, value from {view_settings}"

TOTALS: Final = """
select channel, {columns}
from {daily_delivery}
group by channel, channel_order
order by channel_order
"""

ACCOUNTS: Final = """
select account from {sync_health}
union
select account from {daily_delivery}
order by account
"""

QUERIES: Final[dict[str, str]] = {
    "stored": """
select channel, min(account), max(account), sum(operations), min(day)
from {daily_delivery} {where}
group by channel
""",
    "days": """
select channel, account, day, covered_share, {columns}
from {daily_delivery} {where} and day >= %s
""",
    "finality": """
select channel, day, finality, sum(operations), coalesce(sum(requested), 0), max(hours_left)
from {daily_finality} {where} and day >= %s
group by channel, day, finality
""",
    "older": """
select channel, sum(operations)
from {daily_finality} {where} and day < %s and finality_order <= 2
group by channel
""",
    "trends": """
select
    channel, account, period, measure, as_of, operations,
    value_low, value_high, numerator_low, numerator_high, denominator_low, denominator_high,
    value_but_largest, covered_share,
    previous_numerator_low, previous_numerator_high,
    previous_denominator_low, previous_denominator_high, previous_covered_share,
    usual_low, usual_high, usual_but_largest_low, usual_but_largest_high, usual_days
from {delivery_trend} {where}
order by channel, account, period_order, measure_order
""",
    "hours": """
select channel, day, hour_of_day, sum(operations), sum(requested)
from {hourly_volume} {where} and day >= %s and day < %s
group by channel, day, hour_of_day
""",
    "worst": """
select
    channel, ranking, account, id, status, created_at, attempted, not_delivered, not_delivered_rate
from (
    select
        channel, ranking, account, id, status, created_at, attempted, not_delivered,
        not_delivered_rate,
        row_number() over (
            partition by channel, ranking
            order by
                case when ranking = 'rate' then not_delivered_rate end desc,
                not_delivered desc, created_at desc, id, account
        ) as overall_place
    from {worst_operations} {where} and place <= {most_worst}
) as placed
where overall_place <= {most_worst}
order by channel, ranking, overall_place
""",
    "stuck": """
select channel, account, id, reason, status, created_at, requested, waiting, alike
from (
    select
        channel, account, id, reason, status, created_at, requested,
        coalesce(scheduled, 0) + coalesce(queued, 0) as waiting,
        count(*) over (partition by channel, reason) as alike,
        row_number() over (
            partition by channel, reason order by created_at desc, id, account
        ) as place
    from {stuck_operations} {where} and is_current
) as placed
where place <= {most_stuck}
order by created_at desc, channel, id
""",
    "problems": """
select channel, problem, count(*)
from {counter_checks} {where} and created_at >= %s
group by channel, problem
order by channel, count(*) desc, problem
""",
    "rejected": """
select channel, count(*)
from {rejected_rows} {where} and state = 'open' and last_synced_at >= %s
group by channel
""",
    "curve": """
select channel, account, age_hours, operations, outcome_share, delivered_share, engaged_share
from {settle_curve} {where}
order by channel, account, age_hours
""",
    "times": """
select
    channel, account, size, size_order, operations, percentile,
    seconds_low, seconds_high, is_limited
from {completion_times} {where}
order by channel, account, size_order, percentile
""",
    "health": """
select
    channel, account, last_synced_at, hours_to_deadline, hours_to_freeze, gaps, gap_hours, rejected,
    active_by_id, not_found, last_run_at, last_run_outcome, runs_7_days, troubled_runs_7_days
from {sync_health} {where}
order by channel, account
""",
    # With several accounts, a window is complete if every account that read it read it completely.
    "windows": """
select
    channel, window_start, window_end, min(case when is_complete then 1 else 0 end),
    min(case when rows_read > 0 then read_at end)
from {coverage} {where} and window_end > %s
group by channel, window_start, window_end
order by channel, window_start
""",
    "gaps": """
select channel, account, gap_start, gap_end, found_at
from {gaps} {where} and (gap_end > %s or found_at > %s)
order by gap_end desc, gap_start desc, channel, account
limit {most_gaps}
""",
}
"""The queries of the channels' data, by name."""

DETAIL_QUERIES: Final[dict[str, str]] = {
    "causes": """
select channel, error_code, cause, resources, operations, recipients, recovered
from (
    select
        channel, error_code, cause, resources, operations, recipients, recovered,
        row_number() over (
            partition by channel order by resources desc, coalesce(error_code, 0)
        ) as place
    from (
        select
            channel, error_code, max(cause) as cause, sum(resources) as resources,
            sum(operations) as operations, sum(recipients) as recipients,
            sum(recovered) as recovered
        from {error_codes} {where}
        group by channel, error_code
    ) as codes
    where resources > 0
) as placed
where place <= {most_causes}
order by channel, place
""",
    "asked": """
select channel, sum(asked), sum(not_asked)
from (
    select channel, account, max(asked) as asked, max(not_asked) as not_asked
    from {error_codes} {where}
    group by channel, account
) as samples
group by channel
""",
    "tags": """
select
    channel, tag, value, partial_operations, resources, resources_attempted, resources_delivered,
    resources_not_delivered, {columns}
from (
    select
        channel, tag, value, partial_operations, resources, resources_attempted,
        resources_delivered, resources_not_delivered, {columns},
        row_number() over (
            partition by channel order by coalesce(requested, resources, 0) desc, tag, value
        ) as place
    from (
        select
            channel, tag, value, sum(partial_operations) as partial_operations,
            sum(resources) as resources, sum(resources_attempted) as resources_attempted,
            sum(resources_delivered) as resources_delivered,
            sum(resources_not_delivered) as resources_not_delivered, {column_sums}
        from {delivery_by_tag} {where}
        group by channel, tag, value
    ) as tagged
) as placed
where place <= {most_tags}
order by channel, place
""",
    "without_details": """
select channel, sum(operations)
from (
    select channel, account, max(operations_without_details) as operations
    from {delivery_by_tag} {where}
    group by channel, account
) as unknown
group by channel
""",
}
"""The queries of the channels' details, by name; only for a dataset with views of details."""
