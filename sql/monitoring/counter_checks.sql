-- One row per operation with counters that are invalid, or contradict each other or those of its channel.
-- No rate leaves [0, 1] because of them, but sums of counters may mislead.
with suspects as (

    select
        int_operations.*,
        int_counter_modes.counter_mode as channel_mode
    from int_operations
    inner join int_counter_modes
        on
            int_operations.account = int_counter_modes.account
            and int_operations.channel = int_counter_modes.channel
    where
        has_invalid_counter
        or not is_counted
        or rules_out_exclusive
        or rules_out_cumulative
        or unaddressable > recipients

),

problems as (

    select
        *,
        case
            when has_invalid_counter then 'invalid_counter'
            when not is_counted then 'missing_counter'
            when is_inconsistent then 'fits_no_mode'
            when unaddressable > recipients then 'unaddressable_exceeds_recipients'
            when pinned_mode = 'exclusive' and rules_out_exclusive then 'not_as_pinned'
            when pinned_mode = 'cumulative' and rules_out_cumulative then 'not_as_pinned'
            when channel_mode = 'exclusive' and rules_out_exclusive then 'differs_from_channel'
            when channel_mode = 'cumulative' and rules_out_cumulative then 'differs_from_channel'
        end as problem
    from suspects

)

select
    account,
    channel,
    channel_order,
    id,
    problem,  -- what is wrong, the first that applies: see docs/measures.md
    counter_mode,
    status,
    created_at,
    requested,
    status_sum,
    counter_surplus,
    recipients,
    unaddressable,
    scheduled,
    queued,
    api_sent,
    api_delivered,
    engaged,
    undelivered,
    failed,
    canceled,
    synced_at as last_synced_at
from problems
where problem is not null
