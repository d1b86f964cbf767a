-- One row per account and channel: which counter mode the resources behind its operations show.
-- They decide the mode of a channel whose counters do not; see counter_modes.
select
    account,
    channel,
    evidence.channel_order,
    resource_mode,  -- what the resources show: exclusive, cumulative or undecided
    counter_mode,  -- what holds for the channel: exclusive, cumulative or undecided
    decided_by,
    compared_operations,  -- operations in operation_reconciliation
    exclusive_only,  -- operations that agree with their resources in exclusive mode only
    cumulative_only,  -- operations that agree with their resources in cumulative mode only
    either,  -- operations that agree with their resources in both modes
    neither  -- operations that agree with their resources in no mode
from int_resource_modes as evidence
inner join int_counter_modes using (account, channel)
