-- One row per account, channel and age: how much of the final figures was known at that age.
-- Of operations of four weeks that are now past the API's retention: what the warehouse showed when
-- they were as old, as a share of what it shows now; above 1 where counters went down since. Shares
-- are ratios of sums, so large operations weigh more. Operations that were first seen later than the
-- age do not count at it. Where the reading is open, deliveries are read as cumulative.
with ages as (

    select cast(0.25 as double) as age_hours
    union all
    select 1 as age_hours
    union all
    select 3 as age_hours
    union all
    select 6 as age_hours
    union all
    select 12 as age_hours
    union all
    select 24 as age_hours
    union all
    select 48 as age_hours
    union all
    select 72 as age_hours
    union all
    select 96 as age_hours
    union all
    select 120 as age_hours
    union all
    select 144 as age_hours
    union all
    select 168 as age_hours

),

measured_states as (

    select
        operation_states.account,
        operation_states.channel,
        operation_states.id,
        operation_states.valid_to,
        (epoch(operation_states.valid_from) - epoch(operation_states.created_at)) / 3600
        as from_age,
        (epoch(operation_states.valid_to) - epoch(operation_states.created_at)) / 3600 as to_age,
        -- what a state does not tell was not known by then, and counts as 0
        coalesce(
            case
                when operation_states.channel = 'push_notifications' then operation_states.sent
                when coalesce(channel_readings.pinned_reading, channel_readings.channel_reading)
                    = 'exclusive'
                    then operation_states.delivered
                        + coalesce(operation_states.read, operation_states.opened)
                else operation_states.delivered
            end,
            0
        ) as reached,
        coalesce(operation_states.read, operation_states.opened, 0) as engaged,
        coalesce(
            case
                when operation_states.channel = 'push_notifications' then operation_states.failed
                else operation_states.undelivered + operation_states.failed
            end,
            0
        ) as missed
    from operation_states
    inner join channel_readings
        on
            operation_states.account = channel_readings.account
            and operation_states.channel = channel_readings.channel
    where
        operation_states.created_at < $retained_from
        and operation_states.created_at >= $retained_from - interval '672' hour

),

final_states as (

    select
        account,
        channel,
        id,
        min(from_age) as first_age,
        max(case when valid_to is null then reached end) as reached,
        max(case when valid_to is null then engaged end) as engaged,
        max(case when valid_to is null then missed end) as missed
    from measured_states
    group by account, channel, id

),

moves as (

    -- a state brings its figures when it begins and takes them along when the next one follows
    select
        account,
        channel,
        from_age as age,
        reached,
        engaged,
        missed,
        0 as final_reached,
        0 as final_engaged,
        0 as final_missed,
        0 as operations
    from measured_states
    union all
    select
        account,
        channel,
        to_age as age,
        -reached as reached,
        -engaged as engaged,
        -missed as missed,
        0 as final_reached,
        0 as final_engaged,
        0 as final_missed,
        0 as operations
    from measured_states
    where valid_to is not null
    union all
    select
        account,
        channel,
        first_age as age,
        0 as reached,
        0 as engaged,
        0 as missed,
        reached as final_reached,
        engaged as final_engaged,
        missed as final_missed,
        1 as operations
    from final_states

),

aged_moves as (

    select
        account,
        channel,
        reached,
        engaged,
        missed,
        final_reached,
        final_engaged,
        final_missed,
        operations,
        case
            when age <= 0.25 then 0.25
            when age <= 1 then 1
            when age <= 3 then 3
            when age <= 6 then 6
            when age <= 12 then 12
            when age <= 24 then 24
            when age <= 48 then 48
            when age <= 72 then 72
            when age <= 96 then 96
            when age <= 120 then 120
            when age <= 144 then 144
            when age <= 168 then 168
        end as age_hours
    from moves

),

moves_by_age as (

    select
        account,
        channel,
        age_hours,
        sum(reached) as reached,
        sum(engaged) as engaged,
        sum(missed) as missed,
        sum(final_reached) as final_reached,
        sum(final_engaged) as final_engaged,
        sum(final_missed) as final_missed,
        sum(operations) as operations
    from aged_moves
    where age_hours is not null
    group by account, channel, age_hours

),

known_at_age as (

    select
        moves_by_age.account,
        moves_by_age.channel,
        ages.age_hours,
        cast(sum(moves_by_age.operations) as bigint) as operations,
        sum(moves_by_age.reached) as reached,
        sum(moves_by_age.engaged) as engaged,
        sum(moves_by_age.reached + moves_by_age.missed) as outcomes,
        sum(moves_by_age.final_reached) as final_reached,
        sum(moves_by_age.final_engaged) as final_engaged,
        sum(moves_by_age.final_reached + moves_by_age.final_missed) as final_outcomes
    from moves_by_age
    inner join ages on moves_by_age.age_hours <= ages.age_hours
    group by moves_by_age.account, moves_by_age.channel, ages.age_hours

),

shares as (

    select
        account,
        channel,
        age_hours,
        operations,
        cast(outcomes as double) / nullif(final_outcomes, 0) as outcome_share,
        case
            when channel <> 'push_notifications'
                then cast(reached as double) / nullif(final_reached, 0)
        end as reached_share,
        case
            when channel <> 'push_notifications'
                then cast(engaged as double) / nullif(final_engaged, 0)
        end as engaged_share
    from known_at_age
    where operations > 0

)

select
    account,  -- label of the account that the operations belong to
    channel,  -- messages, emails or push_notifications
    age_hours,  -- hours since the send request was made
    operations,  -- operations that had been seen by that age
    outcome_share,  -- share of their known outcomes that was known; for pushes, accepted or failed
    reached_share,  -- share of their deliveries that was known
    engaged_share  -- share of their reads or opens that was known
from shares
