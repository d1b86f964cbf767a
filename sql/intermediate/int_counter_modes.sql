-- One row per account and channel: how its counters count, as decided by its operations.
-- An operation is decisive if its own counters rule out one mode and not the other. The channel has a
-- mode if 99 of 100 decisive operations have it. If they decide nothing, the resources behind the
-- operations do, where they were read. The setting counter_mode overrules all of them.
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

),

evidence as (

    select
        shares.*,
        mode_of(exclusive_share) as own_mode,
        coalesce(resource_modes.resource_mode, 'undecided') as resource_mode
    from shares
    left join resource_modes() as resource_modes
        on
            shares.account = resource_modes.account
            and shares.channel = resource_modes.channel

)

select
    account,
    channel,
    channel_order,
    case
        when pinned_mode is not null then pinned_mode
        when own_mode <> 'undecided' then own_mode
        else resource_mode
    end as counter_mode,  -- of operations that are not decisive: exclusive, cumulative or undecided
    pinned_mode,
    exclusive_operations,
    cumulative_operations,
    inconsistent_operations,
    case
        when pinned_mode is not null then 'setting'
        when own_mode <> 'undecided' then 'counters'
        when resource_mode <> 'undecided' then 'resources'
    end as decided_by
from evidence
