-- Channels that must be loaded soon, or creation time is lost for good.
select
    account,
    channel,
    complete_up_to,
    hours_to_deadline
from {{ comms_source.view('sync_health') }}
where
    hours_to_deadline < {{ var('comms_deadline_hours') }}
    and {{ comms_source.is_loaded() }}
