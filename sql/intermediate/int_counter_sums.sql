-- One row per operation and state, with the sums of its counters and the modes that they rule out.
-- The API does not document whether a delivered resource still counts as sent. If each resource counts
-- once, in its latest status, the sum of all status counters is at most the number of resources
-- requested. If it counts in each status that it went through, no status exceeds the one before.
with parts as (

    select
        *,
        or_none(has_engagement, engaged) as known_engaged,
        or_none(has_outcomes, undelivered) as known_undelivered,
        or_none(has_outcomes, api_delivered) as known_delivered,
        scheduled + queued as waiting,
        scheduled + queued + api_sent + failed + canceled as stage_sum
    from stg_operation_rows

),

sums as (

    select
        *,
        stage_sum + known_delivered + known_engaged + known_undelivered as status_sum
    from parts

)

select
    *,
    requested is not null and status_sum is not null as is_counted,
    coalesce(status_sum > requested, false) as rules_out_exclusive,
    coalesce(stage_sum > requested, false)
    or coalesce(api_sent < api_delivered + known_undelivered, false)
    or coalesce(api_delivered < known_engaged, false) as rules_out_cumulative
from sums
