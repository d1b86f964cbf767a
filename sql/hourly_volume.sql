-- One row per account, channel and hour of creation, with what was asked to be sent in it.
-- Hours are those of the clock on the wall in the reporting time zone: where it is set back, the hour
-- that comes twice is one row.
with local_hours as (

    select
        account,
        channel,
        date_trunc('hour', created_at at time zone $time_zone) as hour,
        total,
        recipients
    from operation_counters

),

hourly_sums as (

    select
        hour,
        account,
        channel,
        count(*) as operations,
        cast(sum(total) as bigint) as total,
        cast(sum(recipients) as bigint) as recipients
    from local_hours
    group by hour, account, channel

),

named_hours as (

    select
        *,
        cast(hour as date) as day,
        cast(extract(hour from hour) as bigint) as hour_of_day
    from hourly_sums

)

select
    hour,  -- the hour's beginning on the wall clock of the reporting time zone
    day,  -- the hour's day
    hour_of_day,  -- 0 to 23
    account,  -- label of the account that the operations belong to
    channel,  -- messages, emails or push_notifications
    operations,  -- operations created in that hour
    total,  -- sum: resources (messages, emails, pushes) in the operation
    recipients  -- sum: recipients that the operation is addressed to
from named_hours
