-- Creation time that was lost, and that was found to be lost in the last days.
select
    account,
    channel,
    gap_start,
    gap_end,
    reason,
    found_at
from {{ source('comms', 'gaps') }}
where
    found_at > current_timestamp - interval '{{ var('comms_gap_days') }} days'
    and {{ comms_source.is_loaded() }}
