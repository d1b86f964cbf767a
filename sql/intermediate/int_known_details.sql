-- One row per operation whose tags and senders are known: its first resource was looked at, or all of them.
select
    account,
    channel,
    operation_id,
    min(created_at) as created_at,
    -- both are NULL unless all resources were read
    max(case when kind = 'resources' then resources end) as resources,
    max(case when kind = 'resources' then read_at end) as resources_read_at,
    max(case when kind = 'resources' then rejected end) as rejected
from stg_operation_details
where kind in ('tags', 'resources') and outcome = 'read'
group by account, channel, operation_id
