-- One row per operation that was first seen within an hour: how long it took from request to COMPLETED.
-- What happens between two readings is not seen, so the time is an interval, in whole seconds: at least
-- until it was last seen active, at most until it was first seen completed. Needs the history.
with seen as (

    select
        account,
        channel,
        channel_order,
        id,
        created_at,
        max(recipients) as recipients,
        max(requested) as requested,
        min(synced_at) as first_seen_at,
        min(case when status = 'COMPLETED' then synced_at end) as first_seen_completed_at,
        max(case when is_active(status) then synced_at end) as last_seen_active_at,
        min(case when status <> 'SCHEDULED' then synced_at end) as first_not_scheduled_at,
        min(case when status = 'COMPLETED' then updated_at end) as reported_at,
        max(ones(status = 'SCHEDULED')) = 1 as was_scheduled,
        max(ones(status = 'CANCELED')) = 1 as was_canceled
    from stg_operation_rows
    where not is_current
    group by account, channel, channel_order, id, created_at

),

times as (

    select
        *,
        size_step(recipients) as size_order,
        first_seen_completed_at is not null as is_completed,
        case
            when last_seen_active_at < first_seen_completed_at
                or last_seen_active_at is not null and first_seen_completed_at is null
                then cast(floor(seconds_between(created_at, last_seen_active_at)) as bigint)
            else 0
        end as seconds_low,
        cast(ceil(seconds_between(created_at, first_seen_completed_at)) as bigint) as seconds_high,
        cast(ceil(seconds_between(created_at, reported_at)) as bigint) as reported_seconds
    from seen
    where seconds_between(created_at, first_seen_at) between 0 and 3600

)

select
    account,
    channel,
    channel_order,
    id,
    created_at,
    recipients,
    requested,
    size_name(size_order) as size,
    size_order,
    was_scheduled,  -- whether it was seen scheduled for a later time
    was_canceled,  -- whether it was seen canceled
    first_not_scheduled_at,  -- when it was first seen no longer scheduled: its start, at the latest
    last_seen_active_at,  -- when its last active state was first seen
    first_seen_completed_at,  -- when it was first seen completed
    is_completed,  -- whether it was seen completed
    seconds_low,
    seconds_high,
    point(seconds_low, seconds_high) as seconds,  -- how long it took; NULL where that is not known
    reported_seconds,  -- how long it took by updated_at, which need not be the time of completion
    cast(60 * requested as double) / nullif(seconds_high, 0) as requested_per_minute_low,
    cast(60 * requested as double) / nullif(seconds_low, 0) as requested_per_minute_high
from times
