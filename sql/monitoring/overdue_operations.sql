-- One row per operation that is still scheduled although all its resources should have been sent.
-- When it was last read, the latest of the times that its resources are scheduled for had passed by more
-- than stuck_after. Only operations whose resources were read. What the API did not find is not here.
with due as (

    select
        account,
        channel,
        operation_id,
        max(scheduled_for) as due_at
    from stg_resources
    where scheduled_for is not null
    group by account, channel, operation_id

),

not_found as (

    select
        account,
        channel,
        operation_id
    from followed_operations
    where outcome = 'not_found'

)

select
    operations.account,
    operations.channel,
    channel_order,
    id,
    status,
    created_at,
    hours_between(created_at, $now) as age_hours,
    due_at as scheduled_for,  -- the latest time that one of its resources is scheduled for
    hours_between(due_at, synced_at) as overdue_hours,  -- how long that had passed when it was last read
    -- whether it is new enough for an alert: it was due in the last alert_days
    hours_between(due_at, $now) <= 24 * $alert_days as is_current,
    requested,
    scheduled,
    queued,
    synced_at as last_synced_at
from stg_operation_rows as operations
inner join due
    on
        operations.account = due.account
        and operations.channel = due.channel
        and operations.id = due.operation_id
left join not_found
    on
        operations.account = not_found.account
        and operations.channel = not_found.channel
        and operations.id = not_found.operation_id
where
    is_current
    and status = 'SCHEDULED'
    and seconds_between(due_at, synced_at) > $stuck_seconds
    and not_found.operation_id is null
