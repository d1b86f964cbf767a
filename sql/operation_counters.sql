-- One row per operation of any channel, with the counters that one can calculate with.
-- A counter below 0 or above 10^12 makes no sense and is NULL here; the table keeps it. A counter
-- that a channel lacks is NULL, never 0. The other views are made from this one.
with messages as (

    select
        account,
        'messages' as channel,
        id,
        status,
        created_at,
        updated_at,
        case when total between 0 and 1000000000000 then total end as total,
        case when recipients between 0 and 1000000000000 then recipients end as recipients,
        case when attempts between 0 and 1000000000000 then attempts end as attempts,
        case when unaddressable between 0 and 1000000000000 then unaddressable end as unaddressable,
        case when scheduled between 0 and 1000000000000 then scheduled end as scheduled,
        case when queued between 0 and 1000000000000 then queued end as queued,
        case when sent between 0 and 1000000000000 then sent end as sent,
        case when delivered between 0 and 1000000000000 then delivered end as delivered,
        case when read between 0 and 1000000000000 then read end as read,
        cast(null as bigint) as opened,
        case when undelivered between 0 and 1000000000000 then undelivered end as undelivered,
        case when failed between 0 and 1000000000000 then failed end as failed,
        case when canceled between 0 and 1000000000000 then canceled end as canceled,
        synced_at,
        extra,
        coalesce(
            total not between 0 and 1000000000000
            or recipients not between 0 and 1000000000000
            or attempts not between 0 and 1000000000000
            or unaddressable not between 0 and 1000000000000
            or scheduled not between 0 and 1000000000000
            or queued not between 0 and 1000000000000
            or sent not between 0 and 1000000000000
            or delivered not between 0 and 1000000000000
            or read not between 0 and 1000000000000
            or undelivered not between 0 and 1000000000000
            or failed not between 0 and 1000000000000
            or canceled not between 0 and 1000000000000,
            false
        ) as is_odd
    from message_operations

),

emails as (

    select
        account,
        'emails' as channel,
        id,
        status,
        created_at,
        updated_at,
        case when total between 0 and 1000000000000 then total end as total,
        case when recipients between 0 and 1000000000000 then recipients end as recipients,
        case when attempts between 0 and 1000000000000 then attempts end as attempts,
        cast(null as bigint) as unaddressable,
        case when scheduled between 0 and 1000000000000 then scheduled end as scheduled,
        case when queued between 0 and 1000000000000 then queued end as queued,
        case when sent between 0 and 1000000000000 then sent end as sent,
        case when delivered between 0 and 1000000000000 then delivered end as delivered,
        cast(null as bigint) as read,
        case when opened between 0 and 1000000000000 then opened end as opened,
        case when undelivered between 0 and 1000000000000 then undelivered end as undelivered,
        case when failed between 0 and 1000000000000 then failed end as failed,
        case when canceled between 0 and 1000000000000 then canceled end as canceled,
        synced_at,
        extra,
        coalesce(
            total not between 0 and 1000000000000
            or recipients not between 0 and 1000000000000
            or attempts not between 0 and 1000000000000
            or scheduled not between 0 and 1000000000000
            or queued not between 0 and 1000000000000
            or sent not between 0 and 1000000000000
            or delivered not between 0 and 1000000000000
            or opened not between 0 and 1000000000000
            or undelivered not between 0 and 1000000000000
            or failed not between 0 and 1000000000000
            or canceled not between 0 and 1000000000000,
            false
        ) as is_odd
    from email_operations

),

push_notifications as (

    select
        account,
        'push_notifications' as channel,
        id,
        status,
        created_at,
        updated_at,
        case when total between 0 and 1000000000000 then total end as total,
        case when recipients between 0 and 1000000000000 then recipients end as recipients,
        cast(null as bigint) as attempts,
        case when unaddressable between 0 and 1000000000000 then unaddressable end as unaddressable,
        case when scheduled between 0 and 1000000000000 then scheduled end as scheduled,
        case when queued between 0 and 1000000000000 then queued end as queued,
        case when sent between 0 and 1000000000000 then sent end as sent,
        cast(null as bigint) as delivered,
        cast(null as bigint) as read,
        cast(null as bigint) as opened,
        cast(null as bigint) as undelivered,
        case when failed between 0 and 1000000000000 then failed end as failed,
        case when canceled between 0 and 1000000000000 then canceled end as canceled,
        synced_at,
        extra,
        coalesce(
            total not between 0 and 1000000000000
            or recipients not between 0 and 1000000000000
            or unaddressable not between 0 and 1000000000000
            or scheduled not between 0 and 1000000000000
            or queued not between 0 and 1000000000000
            or sent not between 0 and 1000000000000
            or failed not between 0 and 1000000000000
            or canceled not between 0 and 1000000000000,
            false
        ) as is_odd
    from push_notification_operations

),

all_channels as (

    select
        *,
        read as engaged,
        scheduled + queued + sent + delivered + read + undelivered + failed + canceled as status_sum
    from messages
    union all
    select
        *,
        opened as engaged,
        scheduled + queued + sent + delivered + opened + undelivered + failed + canceled as status_sum
    from emails
    union all
    select
        *,
        cast(null as bigint) as engaged,
        scheduled + queued + sent + failed + canceled as status_sum
    from push_notifications

),

verdicts as (

    select
        *,
        coalesce(status_sum > total, false) as rules_out_exclusive,
        coalesce(sent < delivered + undelivered, false)
        or coalesce(delivered < engaged, false) as rules_out_cumulative
    from all_channels

)

select
    account,  -- label of the account that the operation belongs to
    channel,  -- messages, emails or push_notifications
    id,  -- the API's id of the operation
    status,  -- SCHEDULED, PROCESSING, COMPLETED or CANCELED; others as the API names them
    created_at,  -- when the send request was made
    updated_at,  -- when the API says that the operation last changed
    total,  -- resources (messages, emails, pushes) in the operation
    recipients,  -- recipients that the operation is addressed to
    attempts,  -- sending attempts; several for one resource where a channel falls back on another
    unaddressable,  -- recipients that no attempt was made for, since no address or token fits
    scheduled,  -- resources to be sent later
    queued,  -- resources waiting to be sent
    sent,  -- resources sent: all of them, or those without a later state
    delivered,  -- resources delivered: all of them, or those not read yet
    read,  -- messages that were read
    opened,  -- emails that unique recipients opened
    undelivered,  -- resources sent and not delivered
    failed,  -- resources that failed before they were sent
    canceled,  -- resources that were canceled on request
    engaged,  -- resources that were read or opened
    status_sum,  -- what the counters of states add up to, each resource once or once a stage
    is_odd,  -- whether a counter made no sense and is NULL here
    -- whether the counters cannot count each resource once: they add up to more than the total
    rules_out_exclusive,
    -- whether the counters cannot count each resource once a stage: a stage outgrows the one before
    rules_out_cumulative,
    synced_at,  -- when the API said all this
    extra  -- fields that the API sent and that have no column, as JSON
from verdicts
