-- One row per account, channel and time limit: how many operations of the last 30 days completed in time.
-- Over the operations in operation_completions that were neither scheduled nor canceled, active ones
-- included. Where an operation was not read in between, a share is an interval.
with limits as (

    select 1 as within_minutes
    union all
    select 5 as within_minutes
    union all
    select 15 as within_minutes
    union all
    select 60 as within_minutes
    union all
    select 240 as within_minutes
    union all
    select 1440 as within_minutes

),

counts as (

    select
        operation_completions.account,
        operation_completions.channel,
        operation_completions.channel_order,
        limits.within_minutes,
        count(*) as operations,
        count_of(seconds_high <= 60 * within_minutes) as within_low,
        count_of(seconds_low <= 60 * within_minutes) as within_high
    from operation_completions
    cross join limits
    where
        not was_scheduled
        and (is_completed or not was_canceled)
        and created_at >= $now - interval '720' hour
    group by 1, 2, 3, 4

)

select
    account,
    channel,
    channel_order,
    within_minutes,  -- the time limit, in minutes after the request
    operations,
    within_low,  -- operations that completed in time, at least
    within_high,  -- operations that completed in time, at most
    share(within_low, operations) as share_low,  -- share that completed in time, at least
    share(within_high, operations) as share_high,  -- share that completed in time, at most
    share(point(within_low, within_high), operations) as share  -- NULL where the ends differ
from counts
