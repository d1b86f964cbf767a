-- One row per operation that does not make progress, with the reason.
-- It was processing for longer than stuck_after when it was last read; or it ended with resources that
-- still wait to be sent; or it was active when the API stopped returning it.
with not_found as (

    select
        account,
        channel,
        operation_id
    from followed_operations
    where outcome = 'not_found'

),

starts as (

    -- an operation that was scheduled for later starts later
    select
        account,
        channel,
        id,
        max(valid_to) as started_at
    from stg_operation_rows
    where not is_current and status = 'SCHEDULED'
    group by account, channel, id

),

suspects as (

    select
        *,
        hours_between(created_at, $now) as age_hours
    from stg_operation_rows
    where
        is_current
        and (is_active(status) or (is_ended(status) and queued + scheduled > 0))

),

started as (

    select
        suspects.*,
        coalesce(starts.started_at, suspects.created_at) as started_at
    from suspects
    left join starts
        on
            suspects.account = starts.account
            and suspects.channel = starts.channel
            and suspects.id = starts.id

),

reasons as (

    select
        started.*,
        case
            when is_ended(started.status) then 'finished_with_queued'
            when not_found.operation_id is not null then 'not_found'
            when
                started.status = 'PROCESSING'
                and seconds_between(started.started_at, started.synced_at) > $stuck_seconds
                then 'processing_too_long'
        end as reason
    from started
    left join not_found
        on
            started.account = not_found.account
            and started.channel = not_found.channel
            and started.id = not_found.operation_id

)

select
    account,
    channel,
    channel_order,
    id,
    reason,  -- processing_too_long, finished_with_queued or not_found
    status,
    created_at,
    age_hours,
    -- whether it is new enough for an alert: it started in the last alert_days
    hours_between(started_at, $now) <= 24 * $alert_days as is_current,
    updated_at,
    requested,
    scheduled,
    queued,
    synced_at as last_synced_at
from reasons
where reason is not null
