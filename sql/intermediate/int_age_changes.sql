-- One row per account, channel, day and age: by how much the known figures of the day change at that age.
-- A state adds its figures when it begins. It subtracts them when the next one begins, or when the
-- operation was last seen, because later figures are not known. An operation that was seen in its last
-- day is known for good.
with seen as (

    select
        account,
        channel,
        id,
        not is_active(status) and was_seen_last_day(created_at, synced_at) as is_known_for_good,
        case
            when was_seen_last_day(created_at, synced_at) then 13
            else age_step_after(hours_between(created_at, synced_at))
        end as last_step
    from stg_operation_rows
    where is_current

),

states as (

    select
        account,
        channel,
        channel_order,
        id,
        local_day(created_at) as day,
        -- of the states, not of the operations: so only the states of these weeks are read for the curve
        created_at < $retained_from and created_at >= $retained_from - interval '672' hour
            as is_of_curve_weeks,
        age_step(hours_between(created_at, valid_from)) as from_step,
        coalesce(age_step(hours_between(created_at, valid_to)), 13) as to_step,
        case when is_counted then requested end as requested,
        attempted,
        delivered_low,
        delivered_high,
        not_delivered,
        outstanding_low,
        outstanding_high,
        case when is_counted then engaged end as engaged,
        outcomes(delivered_low, not_delivered, offered) as outcomes
    from int_outcomes
    where not is_current

),

spans as (

    select
        states.*,
        states.is_of_curve_weeks and seen.is_known_for_good as is_in_curve,
        smaller(states.to_step, seen.last_step) as end_step
    from states
    inner join seen
        on states.account = seen.account and states.channel = seen.channel and states.id = seen.id

),

changes as (

    select
        *,
        from_step as step,
        1 as direction
    from spans
    where from_step < end_step
    union all
    select
        *,
        end_step as step,
        -1 as direction
    from spans
    where from_step < end_step

)

select
    account,
    channel,
    channel_order,
    day,
    is_in_curve,
    step,
    big_sum(direction) as operations,
    big_sum(direction * requested) as requested,
    big_sum(direction * attempted) as attempted,
    big_sum(direction * delivered_low) as delivered_low,
    big_sum(direction * delivered_high) as delivered_high,
    big_sum(direction * not_delivered) as not_delivered,
    big_sum(direction * outstanding_low) as outstanding_low,
    big_sum(direction * outstanding_high) as outstanding_high,
    big_sum(direction * engaged) as engaged,
    big_sum(direction * outcomes) as outcomes,
    -- the number of operations with a known value: a sum of changes is 0 also where there is none
    big_sum(direction * ones(requested is not null)) as with_requested,
    big_sum(direction * ones(attempted is not null)) as with_attempted,
    big_sum(direction * ones(delivered_low is not null)) as with_delivered,
    big_sum(direction * ones(engaged is not null)) as with_engaged,
    big_sum(direction * ones(outcomes is not null)) as with_outcomes
from changes
group by 1, 2, 3, 4, 5, 6
