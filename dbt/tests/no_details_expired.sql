-- Kinds of details that the API forgot in the last days before they were read, by day.
{{ config(enabled=var('comms_details'), severity='warn') }}
select
    account,
    channel,
    kind,
    cast(created_at as date) as day,
    count(*) as operations
from {{ source('comms', 'operation_details') }}
where
    outcome = 'expired'
    and created_at > current_timestamp - interval '14 days'
    and {{ comms_source.is_loaded() }}
group by account, channel, kind, cast(created_at as date)
