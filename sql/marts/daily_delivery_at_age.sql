-- One row per account, channel, day and age: what was known of the day's sends when they were that old.
-- So days can be compared at the same age. Over operations that had been seen by that age and have been
-- read since, as long as the API has them. Needs the history.
with days as (

    select
        local_day(created_at) as day,
        account,
        channel,
        count(*) as day_operations
    from stg_operation_rows
    where is_current
    group by 1, 2, 3

),

known as (

    select
        int_age_changes.account,
        int_age_changes.channel,
        int_age_changes.channel_order,
        int_age_changes.day,
        int_ages.age_hours,
        big_sum(int_age_changes.operations) as operations,
        known_sum(requested, with_requested) as requested,
        known_sum(attempted, with_attempted) as attempted,
        known_sum(delivered_low, with_delivered) as delivered_low,
        known_sum(delivered_high, with_delivered) as delivered_high,
        known_sum(not_delivered, with_requested) as not_delivered,
        known_sum(outstanding_low, with_delivered) as outstanding_low,
        known_sum(outstanding_high, with_delivered) as outstanding_high,
        known_sum(engaged, with_engaged) as engaged
    from int_age_changes
    inner join int_ages on int_age_changes.step <= int_ages.step
    where int_ages.is_daily
    group by 1, 2, 3, 4, 5

),

rates as (

    select
        known.*,
        days.day_operations,
        point(delivered_low, delivered_high) as delivered,
        share(delivered_low, attempted) as delivery_rate_low,
        share(delivered_high, attempted) as delivery_rate_high,
        share(delivered_low, delivered_low + not_delivered) as delivery_rate_of_known_low,
        share(delivered_high, delivered_high + not_delivered) as delivery_rate_of_known_high,
        share(engaged, delivered_high) as engagement_rate_low,
        share(engaged, delivered_low) as engagement_rate_high
    from known
    inner join days
        on
            known.day = days.day
            and known.account = days.account
            and known.channel = days.channel
    where known.operations > 0

)

select
    day,
    account,
    channel,
    channel_order,
    age_hours,
    day_operations,  -- operations created on that day
    operations,  -- operations of that day whose figures at that age are known
    requested,
    attempted,
    delivered,
    delivered_low,
    delivered_high,
    not_delivered,
    point(outstanding_low, outstanding_high) as outstanding,
    outstanding_low,
    outstanding_high,
    engaged,
    share(delivered, attempted) as delivery_rate,
    delivery_rate_low,
    delivery_rate_high,
    point(delivery_rate_of_known_low, delivery_rate_of_known_high) as delivery_rate_of_known,
    delivery_rate_of_known_low,
    delivery_rate_of_known_high,
    share(engaged, delivered) as engagement_rate,
    engagement_rate_low,
    engagement_rate_high
from rates
