-- One row per row of the API that could not be read, with what became of it.
with resolved as (

    -- the operation was read well later
    select distinct rejected_operations.row_key
    from rejected_operations
    inner join stg_operation_rows
        on
            rejected_operations.account = stg_operation_rows.account
            and rejected_operations.channel = stg_operation_rows.channel
            and rejected_operations.operation_id = stg_operation_rows.id
    where
        stg_operation_rows.is_current
        and stg_operation_rows.synced_at > rejected_operations.synced_at

)

select
    rejected_operations.account,
    rejected_operations.channel,
    rejected_operations.row_key,
    rejected_operations.operation_id,
    rejected_operations.reason,
    rejected_operations.raw,
    rejected_operations.synced_at as last_synced_at,
    acknowledged_rejections.acknowledged_at,
    case
        when resolved.row_key is not null then 'resolved'
        when acknowledged_rejections.subject is not null then 'acknowledged'
        else 'open'
    end as state
from rejected_operations
left join resolved
    on rejected_operations.row_key = resolved.row_key
left join acknowledged_rejections
    on
        rejected_operations.account = acknowledged_rejections.account
        and rejected_operations.channel = acknowledged_rejections.channel
        and coalesce(rejected_operations.operation_id, rejected_operations.row_key)
        = acknowledged_rejections.subject
