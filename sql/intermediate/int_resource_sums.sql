-- One row per operation and sender: how many of its resources have which status.
select
    account,
    channel,
    operation_id,
    sub_channel,
    sender,
    sender_id,
    sender_pool_id,
    count(*) as resources,
    big_sum(scheduled) as scheduled,
    big_sum(queued) as queued,
    big_sum(sent) as sent,
    big_sum(delivered) as delivered,
    big_sum(engaged) as engaged,
    big_sum(undelivered) as undelivered,
    big_sum(failed) as failed,
    big_sum(canceled) as canceled
from stg_resources
group by account, channel, operation_id, sub_channel, sender, sender_id, sender_pool_id
