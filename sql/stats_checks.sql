-- One row per operation whose counters contradict themselves, each other or the channel's reading.
-- No rate leaves [0, 1] because of them; but whoever adds up counters should know.
with checked_operations as (

    select
        operation_measures.*,
        operation_measures.unaddressable > operation_measures.recipients as unaddressable_exceed,
        case
            when channel_readings.pinned_reading is not null then false
            when operation_measures.rules_out_exclusive
                then channel_readings.exclusive_operations >= channel_readings.cumulative_operations
            when operation_measures.rules_out_cumulative
                then channel_readings.cumulative_operations >= channel_readings.exclusive_operations
            else false
        end as stands_alone
    from operation_measures
    inner join channel_readings
        on
            operation_measures.account = channel_readings.account
            and operation_measures.channel = channel_readings.channel
    where
        operation_measures.is_odd
        or operation_measures.rules_out_exclusive
        or operation_measures.rules_out_cumulative
        or operation_measures.unaddressable > operation_measures.recipients

),

contradictions as (

    select
        *,
        case
            when is_odd then 'a counter below 0 or above 10^12'
            when rules_out_exclusive and rules_out_cumulative then 'neither reading fits'
            when unaddressable_exceed then 'more unaddressable than recipients'
            when rules_out_exclusive and stats_reading = 'exclusive'
                then 'not exclusive, as pinned'
            when rules_out_cumulative and stats_reading = 'cumulative'
                then 'not cumulative, as pinned'
            when stands_alone then 'unlike most of the channel'
        end as contradiction
    from checked_operations

),

contradicting as (

    select * from contradictions
    where contradiction is not null

)

select
    account,  -- label of the account that the operation belongs to
    channel,  -- messages, emails or push_notifications
    id,  -- the API's id of the operation
    contradiction,  -- what is wrong; the first that applies
    stats_reading,  -- how its counters are read all the same
    status,  -- SCHEDULED, PROCESSING, COMPLETED or CANCELED; others as the API names them
    created_at,  -- when the send request was made
    total,  -- resources (messages, emails, pushes) in the operation
    stats_check,  -- what the status counters add up to beyond total
    recipients,  -- recipients that the operation is addressed to
    unaddressable,  -- recipients that no attempt was made for
    scheduled,  -- resources to be sent later
    queued,  -- resources waiting to be sent
    sent,  -- resources sent
    delivered,  -- resources delivered
    engaged,  -- resources that were read or opened
    undelivered,  -- resources sent and not delivered
    failed,  -- resources that failed before they were sent
    canceled,  -- resources that were canceled on request
    synced_at  -- when the API said all this
from contradicting
