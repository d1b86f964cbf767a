-- One row per account and channel: how its counters count, as decided by its operations.
-- An operation is decisive if its own counters rule out one mode and not the other. The channel has a
-- mode if 99 of 100 decisive operations have it. The setting counter_mode overrules all of them.
with decisive as (

    select
        account,
        channel,
        channel_order,
        pinned_mode,
        count_of(rules_out_cumulative and not rules_out_exclusive) as exclusive_operations,
        count_of(rules_out_exclusive and not rules_out_cumulative) as cumulative_operations,
        count_of(rules_out_exclusive and rules_out_cumulative) as inconsistent_operations
    from int_counter_sums
    where is_current
    group by account, channel, channel_order, pinned_mode

),

shares as (

    select
        *,
        share(exclusive_operations, exclusive_operations + cumulative_operations) as exclusive_share
    from decisive

)

select
    account,
    channel,
    channel_order,
    case
        when pinned_mode is not null then pinned_mode
        when exclusive_share >= 0.99 then 'exclusive'
        when exclusive_share <= 0.01 then 'cumulative'
        else 'undecided'
    end as counter_mode,  -- of operations that are not decisive: exclusive, cumulative or undecided
    pinned_mode,
    exclusive_operations,
    cumulative_operations,
    inconsistent_operations
from shares
