-- One row per setting that the views were created with; details is true if there are views of details.
with settings as (

    select 'time_zone' as setting, $time_zone as value
    union all
    select 'retention_hours' as setting, cast($retention_hours as text) as value
    union all
    select 'stuck_after_hours' as setting, cast($stuck_hours as text) as value
    union all
    select 'alert_volume' as setting, cast($alert_volume as text) as value
    union all
    select 'alert_points' as setting, cast($alert_points as text) as value
    union all
    select 'alert_days' as setting, cast($alert_days as text) as value
    union all
    select 'details' as setting, $details as value
    union all
    select 'counter_mode.' || channel as setting, coalesce(pinned_mode, '') as value
    from channel_list() as channels

)

select
    setting,  -- its name; see docs/measures.md
    value  -- as text; empty where the operations decide
from settings
