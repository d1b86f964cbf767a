-- One row per account, channel and size of send: how long operations of the last 30 days took.
-- From creation to COMPLETED, of the operations that were first seen within an hour; those that are
-- still open have no time yet and do not count. Between two readings nobody looked, so each time is
-- an interval: at least until it was last known to be open, at most until it was first seen
-- completed, in whole seconds. A percentile is the time that so many did not exceed (nearest rank).
with watched_messages as (

    -- one channel at a time: each groups one table, by a shorter key
    select
        account,
        'messages' as channel,
        max(recipients) as recipients,
        min(epoch(synced_at) - epoch(created_at)) as first_seen,
        min(case when status = 'COMPLETED' then epoch(synced_at) - epoch(created_at) end)
        as completed_seen,
        max(
            case
                when status in ('SCHEDULED', 'PROCESSING')
                    then epoch(synced_at) - epoch(created_at)
            end
        ) as open_seen,
        min(case when status = 'COMPLETED' then epoch(updated_at) - epoch(created_at) end)
        as reported,
        max(case when status = 'SCHEDULED' then 1 else 0 end) as was_scheduled
    from operation_states
    where channel = 'messages' and created_at >= $now - interval '720' hour
    group by account, id

),

watched_emails as (

    select
        account,
        'emails' as channel,
        max(recipients) as recipients,
        min(epoch(synced_at) - epoch(created_at)) as first_seen,
        min(case when status = 'COMPLETED' then epoch(synced_at) - epoch(created_at) end)
        as completed_seen,
        max(
            case
                when status in ('SCHEDULED', 'PROCESSING')
                    then epoch(synced_at) - epoch(created_at)
            end
        ) as open_seen,
        min(case when status = 'COMPLETED' then epoch(updated_at) - epoch(created_at) end)
        as reported,
        max(case when status = 'SCHEDULED' then 1 else 0 end) as was_scheduled
    from operation_states
    where channel = 'emails' and created_at >= $now - interval '720' hour
    group by account, id

),

watched_push_notifications as (

    select
        account,
        'push_notifications' as channel,
        max(recipients) as recipients,
        min(epoch(synced_at) - epoch(created_at)) as first_seen,
        min(case when status = 'COMPLETED' then epoch(synced_at) - epoch(created_at) end)
        as completed_seen,
        max(
            case
                when status in ('SCHEDULED', 'PROCESSING')
                    then epoch(synced_at) - epoch(created_at)
            end
        ) as open_seen,
        min(case when status = 'COMPLETED' then epoch(updated_at) - epoch(created_at) end)
        as reported,
        max(case when status = 'SCHEDULED' then 1 else 0 end) as was_scheduled
    from operation_states
    where channel = 'push_notifications' and created_at >= $now - interval '720' hour
    group by account, id

),

watched_operations as (

    select * from watched_messages
    union all
    select * from watched_emails
    union all
    select * from watched_push_notifications

),

counted_times as (

    -- whole seconds, downwards for the lower end and upwards for the upper: few different times
    select
        account,
        channel,
        case
            when recipients < 1 then 'none'
            when recipients = 1 then '1'
            when recipients <= 10 then '2 to 10'
            when recipients <= 100 then '11 to 100'
            when recipients <= 1000 then '101 to 1000'
            when recipients > 1000 then 'over 1000'
            else 'not known'
        end as size,
        case when open_seen < completed_seen then floor(open_seen) else 0 end as seconds_low,
        ceil(completed_seen) as seconds_high,
        ceil(reported) as seconds_reported,
        count(*) as operations
    from watched_operations
    where completed_seen >= 0 and first_seen <= 3600 and was_scheduled = 0
    group by 1, 2, 3, 4, 5, 6

),

ranked_low as (

    select
        account,
        channel,
        size,
        seconds_low as seconds,
        sum(sum(operations)) over (
            partition by account, channel, size
            order by seconds_low
            rows between unbounded preceding and current row
        ) as within,
        sum(sum(operations)) over (partition by account, channel, size) as operations
    from counted_times
    where seconds_low is not null
    group by account, channel, size, seconds_low

),

percentiles_low as (

    select
        account,
        channel,
        size,
        max(operations) as operations,
        min(case when 100 * within >= 50 * operations then seconds end) as p50,
        min(case when 100 * within >= 90 * operations then seconds end) as p90,
        min(case when 100 * within >= 99 * operations then seconds end) as p99
    from ranked_low
    group by account, channel, size

),

ranked_high as (

    select
        account,
        channel,
        size,
        seconds_high as seconds,
        sum(sum(operations)) over (
            partition by account, channel, size
            order by seconds_high
            rows between unbounded preceding and current row
        ) as within,
        sum(sum(operations)) over (partition by account, channel, size) as operations
    from counted_times
    where seconds_high is not null
    group by account, channel, size, seconds_high

),

percentiles_high as (

    select
        account,
        channel,
        size,
        max(operations) as operations,
        min(case when 100 * within >= 50 * operations then seconds end) as p50,
        min(case when 100 * within >= 90 * operations then seconds end) as p90,
        min(case when 100 * within >= 99 * operations then seconds end) as p99
    from ranked_high
    group by account, channel, size

),

ranked_reported as (

    select
        account,
        channel,
        size,
        seconds_reported as seconds,
        sum(sum(operations)) over (
            partition by account, channel, size
            order by seconds_reported
            rows between unbounded preceding and current row
        ) as within,
        sum(sum(operations)) over (partition by account, channel, size) as operations
    from counted_times
    where seconds_reported is not null
    group by account, channel, size, seconds_reported

),

percentiles_reported as (

    select
        account,
        channel,
        size,
        max(operations) as operations,
        min(case when 100 * within >= 50 * operations then seconds end) as p50,
        min(case when 100 * within >= 90 * operations then seconds end) as p90,
        min(case when 100 * within >= 99 * operations then seconds end) as p99
    from ranked_reported
    group by account, channel, size

),

percentiles as (

    select
        percentiles_high.account,
        percentiles_high.channel,
        percentiles_high.size,
        cast(percentiles_high.operations as bigint) as operations,
        cast(percentiles_low.p50 as bigint) as p50_seconds_low,
        cast(percentiles_high.p50 as bigint) as p50_seconds_high,
        cast(percentiles_low.p90 as bigint) as p90_seconds_low,
        cast(percentiles_high.p90 as bigint) as p90_seconds_high,
        cast(percentiles_low.p99 as bigint) as p99_seconds_low,
        cast(percentiles_high.p99 as bigint) as p99_seconds_high,
        cast(percentiles_reported.p50 as bigint) as p50_seconds_reported,
        cast(percentiles_reported.p90 as bigint) as p90_seconds_reported,
        cast(percentiles_reported.p99 as bigint) as p99_seconds_reported
    from percentiles_high
    inner join percentiles_low
        on
            percentiles_high.account = percentiles_low.account
            and percentiles_high.channel = percentiles_low.channel
            and percentiles_high.size = percentiles_low.size
    left join percentiles_reported
        on
            percentiles_high.account = percentiles_reported.account
            and percentiles_high.channel = percentiles_reported.channel
            and percentiles_high.size = percentiles_reported.size

)

select
    account,  -- label of the account that the operations belong to
    channel,  -- messages, emails or push_notifications
    size,  -- recipients: none, 1, 2 to 10, 11 to 100, 101 to 1000, over 1000, or not known
    operations,  -- operations that were seen from their first hour on and have completed
    p50_seconds_low,  -- half of them took no longer than this, at least
    p50_seconds_high,  -- half of them took no longer than this, at most
    p90_seconds_low,  -- nine tenths of them took no longer than this, at least
    p90_seconds_high,  -- nine tenths of them took no longer than this, at most
    p99_seconds_low,  -- 99 of 100 took no longer than this, at least
    p99_seconds_high,  -- 99 of 100 took no longer than this, at most
    -- half of them, by the earliest updated_at with which they were seen completed; the API does not
    -- say whether that is when they completed
    p50_seconds_reported,
    p90_seconds_reported,  -- nine tenths of them, by updated_at
    p99_seconds_reported  -- 99 of 100 of them, by updated_at
from percentiles
