-- One row per message, email or push notification behind an operation, as it was last read.
-- Exactly one of the numbers from scheduled to canceled is 1, as in the counters of an operation in
-- exclusive mode. All are 0 for a status that no counter counts, such as that of a group message.
select
    account,
    channel,
    channel_order,
    has_outcomes,
    operation_id,
    id,
    status,
    sub_channel,
    sender,
    sender_id,
    sender_pool_id,
    recipient,
    tags,
    scheduled_for,
    ones(status = 'SCHEDULED') as scheduled,
    ones(status = 'QUEUED') as queued,
    ones(status = 'SENT') as sent,
    ones(status = 'DELIVERED') as delivered,
    ones(status in ('READ', 'OPENED')) as engaged,
    ones(status = 'UNDELIVERED') as undelivered,
    ones(status = 'FAILED') as failed,
    ones(status = 'CANCELED') as canceled
from each_resource()
