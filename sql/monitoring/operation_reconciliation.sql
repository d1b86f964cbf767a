-- One row per operation whose resources were read: its counters, and how many resources have each status.
-- Only operations that have not been seen to change since their resources were read. In exclusive mode a
-- counter is the number of resources with its status; in cumulative mode, of all that went through it.
select
    account,
    channel,
    checks.channel_order,
    id,
    status,
    created_at,
    synced_at as last_synced_at,
    changed_at,  -- when the present counters were first seen
    resources_read_at,  -- when the resources were read
    counter_mode,  -- the mode of the channel: exclusive, cumulative or undecided
    requested,
    resources,  -- resources that were read
    scheduled,
    resources_scheduled,  -- resources with this status
    queued,
    resources_queued,  -- resources with this status
    api_sent,
    resources_sent,  -- resources that are sent and have no later status
    api_delivered,
    resources_delivered,  -- resources that are delivered, and neither read nor opened
    engaged,
    resources_engaged,  -- resources that are read or opened
    undelivered,
    resources_undelivered,  -- resources with this status
    failed,
    resources_failed,  -- resources with this status
    canceled,
    resources_canceled,  -- resources with this status
    difference_exclusive = 0 as agrees_exclusive,  -- whether the counters are those of the exclusive mode
    difference_cumulative = 0 as agrees_cumulative,  -- whether the counters are those of the cumulative mode
    difference_exclusive,  -- sum of the differences between the counters and those of the exclusive mode
    difference_cumulative,  -- sum of the differences between the counters and those of the cumulative mode
    -- the smaller one of both; where it is above 0, the counters fit the resources in no mode
    smaller(difference_exclusive, difference_cumulative) as difference
from int_resource_checks as checks
inner join int_counter_modes using (account, channel)
