-- Channels whose last run ended, and did not read everything that was due.
select
    account,
    channel,
    last_run_at,
    last_run_outcome,
    last_complete_run_at
from {{ comms_source.view('sync_health') }}
where
    last_run_outcome not in ('complete', 'running')
    and {{ comms_source.is_loaded() }}
