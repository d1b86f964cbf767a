-- One row per message, email or push notification behind an operation, as it was last read. Without
-- those that the last reading of the operation did not list any more, such as a scheduled message whose
-- recipient turned out to have no address; they stay in the tables, with an earlier synced_at.
-- Exactly one of the numbers from scheduled to canceled is 1, as in the counters of an operation in
-- exclusive mode. All are 0 for a status that no counter counts, such as that of a group message.
select
    listed.account,
    listed.channel,
    listed.channel_order,
    listed.has_outcomes,
    listed.operation_id,
    listed.id,
    listed.status,
    listed.sub_channel,
    listed.sender,
    listed.sender_id,
    listed.sender_pool_id,
    listed.recipient,
    listed.tags,
    listed.scheduled_for,
    ones(listed.status = 'SCHEDULED') as scheduled,
    ones(listed.status = 'QUEUED') as queued,
    ones(listed.status = 'SENT') as sent,
    ones(listed.status = 'DELIVERED') as delivered,
    ones(listed.status in ('READ', 'OPENED')) as engaged,
    ones(listed.status = 'UNDELIVERED') as undelivered,
    ones(listed.status = 'FAILED') as failed,
    ones(listed.status = 'CANCELED') as canceled
from each_resource() as listed
left join operation_details
    on
        listed.account = operation_details.account
        and listed.channel = operation_details.channel
        and listed.operation_id = operation_details.operation_id
        and operation_details.kind = 'resources'
where operation_details.read_at is null or listed.synced_at >= operation_details.read_at
