-- Labels of operations that are not stored, so that no figure has them.
select
    labels.account,
    labels.operation_id,
    labels.label,
    labels.value
from {{ source('comms', 'operation_labels') }} as labels
left join {{ comms_source.view('operations') }} as operations
    on
        labels.account = operations.account
        and labels.operation_id = operations.id
where operations.id is null
