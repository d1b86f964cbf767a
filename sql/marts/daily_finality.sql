-- One row per account, channel, day and finality: how much of a day may still change, and how much is final.
-- A day does not change any more when all its rows are final or frozen.
with days as (

    select
        *,
        local_day(created_at) as day,
        (epoch(created_at) - epoch($retained_from)) / 3600 as hours_to_go
    from int_operations

),

sums as (

    select
        day,
        account,
        channel,
        channel_order,
        finality_order,
        count(*) as operations,
        counted_sum(requested) as requested,
        counted_sum(in_flight_low) as in_flight_low,
        counted_sum(in_flight_high) as in_flight_high,
        counted_sum(unconfirmed_low) as unconfirmed_low,
        counted_sum(unconfirmed_high) as unconfirmed_high,
        larger(max(hours_to_go), 0) as hours_left
    from days
    group by 1, 2, 3, 4, 5

)

select
    day,
    account,
    channel,
    channel_order,
    finality_name(finality_order) as finality,
    finality_order,
    operations,
    requested,
    point(in_flight_low, in_flight_high) as in_flight,
    in_flight_low,
    in_flight_high,
    point(unconfirmed_low, unconfirmed_high) as unconfirmed,
    unconfirmed_low,
    unconfirmed_high,
    hours_left  -- hours until the API's retention of the latest of them ends; 0 where it has ended
from sums
