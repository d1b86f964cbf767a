-- One row per account, channel and day whose figures may still move.
-- A day is final when none of its operations can change any more here, at the latest once the API has
-- forgotten all of them, unless some are still open then.
with local_days as (

    select
        account,
        channel,
        cast(created_at at time zone $time_zone as date) as day,
        created_at,
        status,
        total,
        in_flight,
        is_settled,
        epoch(created_at) - epoch($retained_from) as seconds_left
    from operations

),

daily_sums as (

    select
        day,
        account,
        channel,
        count(*) as operations,
        count(case when not is_settled then 1 end) as unsettled_operations,
        count(case when status in ('SCHEDULED', 'PROCESSING') and not is_settled then 1 end)
        as open_operations,
        cast(sum(total) as bigint) as total,
        cast(sum(case when not is_settled then total end) as bigint) as unsettled_total,
        cast(sum(case when not is_settled then in_flight end) as bigint) as in_flight,
        max(case when not is_settled then seconds_left end) / 3600 as hours_left
    from local_days
    group by day, account, channel

),

unsettled as (

    select
        day,
        account,
        channel,
        operations,
        unsettled_operations,
        open_operations,
        total,
        unsettled_total,
        in_flight,
        cast(unsettled_operations as double) / operations as unsettled_share,
        case when hours_left > 0 then hours_left else 0 end as hours_left
    from daily_sums
    where unsettled_operations > 0

)

select
    day,  -- day of the reporting time zone on which the send requests were made
    account,  -- label of the account that the operations belong to
    channel,  -- messages, emails or push_notifications
    operations,  -- operations created on that day
    unsettled_operations,  -- operations that may still change
    unsettled_share,  -- share of operations that may still change
    open_operations,  -- operations that are scheduled or being processed, and not lost from sight
    total,  -- sum: resources in all operations of the day
    unsettled_total,  -- sum: resources in the operations that may still change
    in_flight,  -- sum: resources in those whose outcome is still to come, where the reading tells
    hours_left  -- hours until the API has forgotten the last of the operations that may still change
from unsettled
