-- Rows of the API that could not be read, and that nobody has acknowledged.
select
    account,
    channel,
    operation_id,
    reason,
    last_synced_at
from {{ comms_source.view('rejected_rows') }}
where
    state = 'open'
    and {{ comms_source.is_loaded() }}
