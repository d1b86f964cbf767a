-- One row per account and channel: how counters are read where an operation leaves it open.
-- Each operation is asked what its own counters rule out. One that rules out a reading is decisive
-- for all that rule out neither, unless others rule out the contrary, or a setting pins a reading.
with pinned_readings as (

    -- filled in from the setting when the view is made; NULL lets the rows speak for themselves
    select
        'messages' as channel,
        cast($messages_reading as text) as pinned_reading
    union all
    select
        'emails' as channel,
        cast($emails_reading as text) as pinned_reading
    union all
    select
        'push_notifications' as channel,
        cast($push_notifications_reading as text) as pinned_reading

),

decisive_operations as (

    select
        account,
        channel,
        sum(case when rules_out_cumulative and not rules_out_exclusive then 1 else 0 end)
        as exclusive_operations,
        sum(case when rules_out_exclusive and not rules_out_cumulative then 1 else 0 end)
        as cumulative_operations,
        sum(case when rules_out_exclusive and rules_out_cumulative then 1 else 0 end)
        as inconsistent_operations
    from operation_counters
    group by account, channel

),

readings as (

    select
        decisive_operations.account,
        decisive_operations.channel,
        cast(decisive_operations.exclusive_operations as bigint) as exclusive_operations,
        cast(decisive_operations.cumulative_operations as bigint) as cumulative_operations,
        cast(decisive_operations.inconsistent_operations as bigint) as inconsistent_operations,
        case
            when exclusive_operations > 0 and cumulative_operations = 0 then 'exclusive'
            when cumulative_operations > 0 and exclusive_operations = 0 then 'cumulative'
            else 'either'
        end as channel_reading,
        pinned_readings.pinned_reading
    from decisive_operations
    inner join pinned_readings on decisive_operations.channel = pinned_readings.channel

)

select
    account,  -- label of the account
    channel,  -- messages, emails or push_notifications
    exclusive_operations,  -- operations whose counters can only count each resource once
    cumulative_operations,  -- operations whose counters can only count each resource once a stage
    inconsistent_operations,  -- operations whose counters can be neither
    -- the reading of operations that leave it open: exclusive, cumulative, or either
    channel_reading,
    pinned_reading  -- the reading that the setting gives all operations of the channel; NULL if none
from readings
