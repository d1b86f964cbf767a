-- One row per operation, with its finality and the figures that depend on it.
-- The history has how long an operation has been unchanged; it is read only where that matters.
with latest as (

    select
        *,
        hours_between(created_at, synced_at) as last_seen_age,
        case
            when is_active(status) then null
            when created_at >= $retained_from or not was_seen_last_day(created_at, synced_at) then id
        end as id_in_history
    from int_outcomes
    where is_current

),

seen_early as (

    select
        account,
        channel,
        id
    from stg_operation_rows
    where
        is_current
        and created_at < $retained_from
        and not was_seen_last_day(created_at, synced_at)

),

current_states as (

    select
        account,
        channel,
        id,
        synced_at as unchanged_since
    from stg_operation_rows
    where not is_current and valid_to is null and created_at >= $retained_from
    union all
    -- few operations are old and were last read too early, so this reads few states
    select
        states.account,
        states.channel,
        states.id,
        states.synced_at as unchanged_since
    from stg_operation_rows as states
    inner join seen_early
        on
            states.id = seen_early.id
            and states.channel = seen_early.channel
            and states.account = seen_early.account
    where
        not states.is_current
        and states.valid_to is null
        and states.created_at < $retained_from

),

not_found as (

    select
        account,
        channel,
        operation_id
    from followed_operations
    where outcome = 'not_found'

),

with_history as (

    select
        latest.*,
        coalesce(hours_between(current_states.unchanged_since, latest.synced_at), 0)
            as unchanged_hours
    from latest
    left join current_states
        on
            latest.id_in_history = current_states.id
            and latest.channel = current_states.channel
            and latest.account = current_states.account

),

with_finality as (

    select
        with_history.*,
        case
            when is_active(with_history.status) and not_found.operation_id is not null then 4
            when is_active(with_history.status) then 1
            when
                with_history.created_at >= $retained_from
                and with_history.unchanged_hours >= 24
                and is_ended(with_history.status)
                then 3
            when with_history.created_at >= $retained_from then 2
            when with_history.unchanged_hours >= 24 then 5
            when was_seen_last_day(with_history.created_at, with_history.synced_at) then 5
            else 4
        end as finality_order
    from with_history
    left join not_found
        on
            case when is_active(with_history.status) then with_history.id end
            = not_found.operation_id
            and with_history.channel = not_found.channel
            and with_history.account = not_found.account

)

select
    *,
    case
        when not is_counted then null
        when finality_order <= 2 then waiting + coalesce(outstanding_low, 0)
        else 0
    end as in_flight_low,
    case
        when not is_counted then null
        when finality_order <= 2 then waiting + coalesce(outstanding_high, 0)
        else 0
    end as in_flight_high,
    case
        when finality_order > 2 or outstanding_low is null then outstanding_low else 0
    end as unconfirmed_low,
    case
        when finality_order > 2 or outstanding_high is null then outstanding_high else 0
    end as unconfirmed_high
from with_finality
