-- Channels whose newest reading is too old, or that were never read.
select
    account,
    channel,
    last_synced_at,
    hours_since_sync,
    last_run_outcome
from {{ comms_source.view('sync_health') }}
where
    (last_synced_at is null or hours_since_sync > {{ var('comms_warn_after_hours') }})
    and {{ comms_source.is_loaded() }}
