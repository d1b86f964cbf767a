-- One row per operation of any channel, with the measures that its counters allow.
-- Rates lie between 0 and 1, or are NULL where the counters do not tell. Where counters can be read
-- in two ways, a measure is an interval from ..._low to ..._high. What a channel cannot know is NULL,
-- never 0. A counter below 0 or above 10^12 makes no sense and is NULL here; the table keeps it.
-- The view operations adds whether an operation is settled, which takes a look at its history.
with read_counters as (

    select
        operation_counters.*,
        case
            when channel_readings.pinned_reading is not null then channel_readings.pinned_reading
            when operation_counters.rules_out_exclusive and operation_counters.rules_out_cumulative
                then 'inconsistent'
            when operation_counters.rules_out_exclusive then 'cumulative'
            when operation_counters.rules_out_cumulative then 'exclusive'
            else channel_readings.channel_reading
        end as stats_reading
    from operation_counters
    inner join channel_readings
        on
            operation_counters.account = channel_readings.account
            and operation_counters.channel = channel_readings.channel

),

reach as (

    select
        *,
        case
            when delivered is null or engaged is null then null
            when stats_reading = 'exclusive' then delivered + engaged
            when stats_reading = 'cumulative' then delivered
            when delivered > engaged then delivered
            else engaged
        end as reached_low,
        case
            when delivered is null or engaged is null then null
            when stats_reading = 'exclusive' then delivered + engaged
            when stats_reading = 'cumulative' then delivered
            when delivered + engaged <= coalesce(total, delivered + engaged)
                then delivered + engaged
            when delivered > engaged and delivered > total then delivered
            when engaged > total then engaged
            else total
        end as reached_high,
        case
            when channel = 'push_notifications' then scheduled + queued
            when stats_reading = 'exclusive' then scheduled + queued + sent
            when stats_reading = 'cumulative' and sent > delivered + undelivered
                then scheduled + queued + sent - delivered - undelivered
            when stats_reading = 'cumulative' and sent <= delivered + undelivered
                then scheduled + queued
            when sent = 0 then scheduled + queued
        end as in_flight,
        undelivered + failed as missed,
        -- counters that are all 0 leave out the resource: a group message, or nobody to address
        case
            when status_sum = 0 then null
            else total - scheduled - queued - canceled
        end as attempted
    from read_counters

),

rates as (

    select
        *,
        status_sum - total as stats_check,
        case
            when reached_low = reached_high or missed = 0
                then cast(reached_low as double) / nullif(reached_low + missed, 0)
        end as delivery_rate,
        cast(reached_low as double) / nullif(reached_low + missed, 0) as delivery_rate_low,
        cast(reached_high as double) / nullif(reached_high + missed, 0) as delivery_rate_high,
        cast(missed as double) / nullif(reached_high + missed, 0) as failure_rate_low,
        cast(missed as double) / nullif(reached_low + missed, 0) as failure_rate_high,
        case
            when attempted <= 0 then null
            when reached_low > attempted then 1.0
            else cast(reached_low as double) / attempted
        end as attempted_delivery_rate_low,
        case
            when attempted <= 0 then null
            when reached_high > attempted then 1.0
            else cast(reached_high as double) / attempted
        end as attempted_delivery_rate_high,
        case
            when reached_high <= 0 then null
            when read > reached_high then 1.0
            else cast(read as double) / reached_high
        end as read_rate_low,
        case
            when reached_low <= 0 then null
            when read > reached_low then 1.0
            else cast(read as double) / reached_low
        end as read_rate_high,
        case
            when reached_high <= 0 then null
            when opened > reached_high then 1.0
            else cast(opened as double) / reached_high
        end as open_rate_low,
        case
            when reached_low <= 0 then null
            when opened > reached_low then 1.0
            else cast(opened as double) / reached_low
        end as open_rate_high,
        case
            when recipients <= 0 then null
            when unaddressable > recipients then 1.0
            else cast(unaddressable as double) / recipients
        end as unaddressable_rate,
        case
            when total <= 0 then null
            when canceled > total then 1.0
            else cast(canceled as double) / total
        end as cancel_rate,
        case
            when channel = 'push_notifications'
                then cast(sent as double) / nullif(sent + failed, 0)
        end as acceptance_rate,
        cast(attempts as double) / nullif(total, 0) as attempts_per_resource
    from reach

)

select
    account,  -- label of the account that the operation belongs to
    channel,  -- messages, emails or push_notifications
    id,  -- the API's id of the operation
    status,  -- SCHEDULED, PROCESSING, COMPLETED or CANCELED; others as the API names them
    created_at,  -- when the send request was made
    updated_at,  -- when the API says that the operation last changed
    total,  -- resources (messages, emails, pushes) in the operation
    recipients,  -- recipients that the operation is addressed to
    attempts,  -- sending attempts; several for one resource where a channel falls back on another
    unaddressable,  -- recipients that no attempt was made for, since no address or token fits
    scheduled,  -- resources to be sent later
    queued,  -- resources waiting to be sent
    sent,  -- resources sent: all of them, or those without a later state (see stats_reading)
    delivered,  -- resources delivered: all of them, or those not read yet (see stats_reading)
    read,  -- messages that were read
    opened,  -- emails that unique recipients opened
    undelivered,  -- resources sent and not delivered
    failed,  -- resources that failed before they were sent
    canceled,  -- resources that were canceled on request
    engaged,  -- resources that were read or opened
    missed,  -- resources that did not arrive: undelivered or failed
    -- resources that were attempted by now: not waiting and not canceled
    attempted,
    is_odd,  -- whether a counter made no sense and is NULL here
    -- whether the operation's own counters rule out that each resource is counted once
    rules_out_exclusive,
    -- whether the operation's own counters rule out that each resource is counted once a stage
    rules_out_cumulative,
    stats_reading,  -- how counters are read here: exclusive, cumulative, inconsistent or either
    -- what the status counters add up to beyond total; 0 where they are exclusive and whole
    stats_check,
    in_flight,  -- resources whose outcome is still to come; NULL where the reading leaves it open
    reached_low,  -- resources that reached their recipient, at least
    reached_high,  -- resources that reached their recipient, at most
    -- share of known outcomes that are deliveries; NULL where the interval is no point
    delivery_rate,
    delivery_rate_low,  -- lower end of the delivery rate
    delivery_rate_high,  -- upper end of the delivery rate
    -- share of attempted resources that reached their recipient, at least
    attempted_delivery_rate_low,
    -- share of attempted resources that reached their recipient, at most
    attempted_delivery_rate_high,
    failure_rate_low,  -- share of known outcomes that are failures, at least
    failure_rate_high,  -- share of known outcomes that are failures, at most
    read_rate_low,  -- share of delivered messages that were read, at least
    read_rate_high,  -- share of delivered messages that were read, at most
    open_rate_low,  -- share of delivered emails that were opened, at least
    open_rate_high,  -- share of delivered emails that were opened, at most
    -- share of pushes that the provider accepted; whether they arrived is not known
    acceptance_rate,
    unaddressable_rate,  -- share of recipients that could not be addressed
    cancel_rate,  -- share of resources that were canceled
    -- attempts for each resource; above 1 where channels fall back on others
    attempts_per_resource,
    synced_at,  -- when the API said all this
    extra  -- fields that the API sent and that have no column, as JSON
from rates
