-- One row per state in which an operation was seen, from the histories, with its counters in that state.
select
    account,
    channel,
    channel_order,
    id,
    status,  -- its status in this state
    created_at,
    updated_at,  -- when it had last changed according to the API, as this state was first seen
    synced_at as first_synced_at,  -- when this state was first seen
    valid_from,  -- since when the warehouse had this state, soon after it was first seen
    valid_to,  -- since when the warehouse had the next state; NULL while this is the current one
    counter_mode,
    requested,
    recipients,
    attempts,
    unaddressable,
    scheduled,
    queued,
    api_sent,
    api_delivered,
    read,
    opened,
    engaged,
    undelivered,
    failed,
    canceled,
    point(delivered_low, delivered_high) as delivered,
    delivered_low,
    delivered_high,
    not_delivered,
    attempted
from int_outcomes
where not is_current
