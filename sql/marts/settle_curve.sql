-- One row per account, channel and age: how much of the final figures was known at that age.
-- Over operations of four weeks whose retention has ended and that were read in their last day: what the
-- warehouse showed when they were that old, as a share of what it shows now. Operations that were
-- first seen later than an age do not count at that age.
with first_steps as (

    select
        account,
        channel,
        id,
        min(age_step(hours_between(created_at, valid_from))) as step
    from stg_operation_rows
    where
        not is_current
        and created_at < $retained_from
        and created_at >= $retained_from - interval '672' hour
    group by account, channel, id

),

final_sums as (

    select
        int_outcomes.account,
        int_outcomes.channel,
        first_steps.step,
        sum(int_outcomes.delivered_low) as delivered,
        sum(case when is_counted then int_outcomes.engaged end) as engaged,
        sum(outcomes(delivered_low, not_delivered, offered)) as outcomes
    from int_outcomes
    inner join first_steps
        on
            int_outcomes.account = first_steps.account
            and int_outcomes.channel = first_steps.channel
            and int_outcomes.id = first_steps.id
    where
        int_outcomes.is_current
        and created_at < $retained_from
        and created_at >= $retained_from - interval '672' hour
        and not is_active(status)
        and was_seen_last_day(created_at, synced_at)
    group by 1, 2, 3

),

final_figures as (

    select
        final_sums.account,
        final_sums.channel,
        int_ages.step,
        big_sum(final_sums.delivered) as final_delivered,
        big_sum(final_sums.engaged) as final_engaged,
        big_sum(final_sums.outcomes) as final_outcomes
    from final_sums
    inner join int_ages on final_sums.step <= int_ages.step
    group by 1, 2, 3

),

known as (

    select
        int_age_changes.account,
        int_age_changes.channel,
        int_age_changes.channel_order,
        int_ages.step,
        int_ages.age_hours,
        big_sum(int_age_changes.operations) as operations,
        known_sum(delivered_low, with_delivered) as delivered,
        known_sum(engaged, with_engaged) as engaged,
        known_sum(outcomes, with_outcomes) as outcomes
    from int_age_changes
    inner join int_ages on int_age_changes.step <= int_ages.step
    where int_age_changes.is_in_curve
    group by 1, 2, 3, 4, 5

),

then_and_now as (

    select
        known.*,
        final_figures.final_delivered,
        final_figures.final_engaged,
        final_figures.final_outcomes
    from known
    inner join final_figures
        on
            known.account = final_figures.account
            and known.channel = final_figures.channel
            and known.step = final_figures.step
    where known.operations > 0

)

select
    account,
    channel,
    channel_order,
    age_hours,
    operations,  -- operations that had been seen by that age
    delivered,  -- deliveries that were known at that age; at least, where the counter mode is undecided
    final_delivered,  -- deliveries of them that are known now
    engaged,  -- reads or opens that were known at that age
    final_engaged,  -- reads or opens of them that are known now
    outcomes,  -- outcomes that were known; of pushes without receipts, accepted or failed
    final_outcomes,  -- outcomes of them that are known now
    share(outcomes, final_outcomes) as outcome_share,  -- share of their outcomes that was known
    share(delivered, final_delivered) as delivered_share,  -- share of their deliveries that was known
    share(engaged, final_engaged) as engaged_share  -- share of their reads or opens that was known
from then_and_now
