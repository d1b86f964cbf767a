-- One row per operation and kind of details: what was read of them, and when.
select
    account,
    channel,
    operation_id,
    kind,
    created_at,
    outcome,
    read_at,
    resources,
    coalesce(rejected, 0) as rejected,
    coalesce(not_asked, 0) as not_asked,
    sub_channel,
    sender,
    sender_id,
    sender_pool_id
from operation_details
