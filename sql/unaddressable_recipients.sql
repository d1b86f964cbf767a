-- One row per account, channel and day: how many recipients had no address that fits.
-- Emails have no such counter and no row. The unit is recipients, not messages: a measure of how well
-- lists are kept. Rates are ratios of sums over the operations that tell both sides.
with local_days as (

    select
        account,
        channel,
        cast(created_at at time zone $time_zone as date) as day,
        recipients,
        unaddressable
    from operation_counters
    where channel <> 'emails'

),

daily_sums as (

    select
        day,
        account,
        channel,
        count(*) as operations,
        count(case when unaddressable > 0 then 1 end) as affected_operations,
        count(case when unaddressable >= recipients and recipients > 0 then 1 end)
        as wasted_operations,
        cast(sum(recipients) as bigint) as recipients,
        cast(sum(unaddressable) as bigint) as unaddressable,
        sum(case when recipients is not null then unaddressable end) as unaddressable_of_recipients,
        sum(case when unaddressable is not null then recipients end) as addressed_recipients
    from local_days
    group by day, account, channel

),

rates as (

    select
        *,
        case
            when addressed_recipients <= 0 then null
            when unaddressable_of_recipients > addressed_recipients then 1.0
            else cast(unaddressable_of_recipients as double) / addressed_recipients
        end as unaddressable_rate
    from daily_sums

)

select
    day,  -- day of the reporting time zone on which the send requests were made
    account,  -- label of the account that the operations belong to
    channel,  -- messages or push_notifications
    operations,  -- operations created on that day
    affected_operations,  -- operations with a recipient that could not be addressed
    wasted_operations,  -- operations of which no recipient could be addressed
    recipients,  -- sum: recipients that the operation is addressed to
    unaddressable,  -- sum: recipients that no attempt was made for
    unaddressable_rate  -- share of recipients that could not be addressed
from rates
