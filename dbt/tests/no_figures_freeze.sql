-- Channels with figures that freeze in less than six hours unless a load reads them in their last day.
select
    account,
    channel,
    hours_to_freeze
from {{ comms_source.view('sync_health') }}
where
    hours_to_freeze < 6
    and {{ comms_source.is_loaded() }}
