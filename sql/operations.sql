-- One row per operation of any channel, with the measures that its counters allow.
-- Rates lie between 0 and 1, or are NULL where the counters do not tell. Where counters can be read
-- in two ways, a measure is an interval from ..._low to ..._high. What a channel cannot know is NULL,
-- never 0. A counter below 0 or above 10^12 makes no sense and is NULL here; the table keeps it.
with pinned_readings as (

    -- filled in from the setting when the view is made; NULL lets the rows speak for themselves
    select
        'messages' as channel,
        cast(null as text) as stats_reading
    union all
    select
        'emails' as channel,
        cast(null as text) as stats_reading
    union all
    select
        'push_notifications' as channel,
        cast(null as text) as stats_reading

),

messages as (

    select
        account,
        'messages' as channel,
        id,
        status,
        created_at,
        updated_at,
        total,
        recipients,
        attempts,
        unaddressable,
        scheduled,
        queued,
        sent,
        delivered,
        read,
        cast(null as bigint) as opened,
        undelivered,
        failed,
        canceled,
        synced_at,
        extra
    from message_operations

),

emails as (

    select
        account,
        'emails' as channel,
        id,
        status,
        created_at,
        updated_at,
        total,
        recipients,
        attempts,
        cast(null as bigint) as unaddressable,
        scheduled,
        queued,
        sent,
        delivered,
        cast(null as bigint) as read,
        opened,
        undelivered,
        failed,
        canceled,
        synced_at,
        extra
    from email_operations

),

push_notifications as (

    select
        account,
        'push_notifications' as channel,
        id,
        status,
        created_at,
        updated_at,
        total,
        recipients,
        cast(null as bigint) as attempts,
        unaddressable,
        scheduled,
        queued,
        sent,
        cast(null as bigint) as delivered,
        cast(null as bigint) as read,
        cast(null as bigint) as opened,
        cast(null as bigint) as undelivered,
        failed,
        canceled,
        synced_at,
        extra
    from push_notification_operations

),

all_channels as (

    select * from messages
    union all
    select * from emails
    union all
    select * from push_notifications

),

sensible_counters as (

    select
        account,
        channel,
        id,
        status,
        created_at,
        updated_at,
        case when total between 0 and 1000000000000 then total end as total,
        case when recipients between 0 and 1000000000000 then recipients end as recipients,
        case when attempts between 0 and 1000000000000 then attempts end as attempts,
        case when unaddressable between 0 and 1000000000000 then unaddressable end as unaddressable,
        case when scheduled between 0 and 1000000000000 then scheduled end as scheduled,
        case when queued between 0 and 1000000000000 then queued end as queued,
        case when sent between 0 and 1000000000000 then sent end as sent,
        case when delivered between 0 and 1000000000000 then delivered end as delivered,
        case when read between 0 and 1000000000000 then read end as read,
        case when opened between 0 and 1000000000000 then opened end as opened,
        case when undelivered between 0 and 1000000000000 then undelivered end as undelivered,
        case when failed between 0 and 1000000000000 then failed end as failed,
        case when canceled between 0 and 1000000000000 then canceled end as canceled,
        synced_at,
        extra
    from all_channels

),

counter_sums as (

    select
        *,
        case when channel = 'emails' then opened else read end as engaged,
        scheduled
        + queued
        + sent
        + case
            when channel = 'push_notifications' then 0
            else delivered + undelivered + coalesce(read, opened)
        end
        + failed
        + canceled as status_sum
    from sensible_counters

),

row_verdicts as (

    -- exclusive counters cannot add up to more than the total; in a funnel no stage outgrows the last
    select
        *,
        coalesce(status_sum > total, false) as rules_out_exclusive,
        coalesce(sent < delivered + undelivered, false)
        or coalesce(delivered < engaged, false) as rules_out_cumulative
    from counter_sums

),

row_readings as (

    select
        *,
        case
            when rules_out_exclusive and rules_out_cumulative then 'inconsistent'
            when rules_out_exclusive then 'cumulative'
            when rules_out_cumulative then 'exclusive'
            else 'either'
        end as row_reading
    from row_verdicts

),

channel_readings as (

    -- rows that leave it open are read as the decided rows of their account and channel agree
    select
        account,
        channel,
        case
            when max(case when row_reading = 'exclusive' then 1 else 0 end)
                > max(case when row_reading = 'cumulative' then 1 else 0 end)
                then 'exclusive'
            when max(case when row_reading = 'cumulative' then 1 else 0 end)
                > max(case when row_reading = 'exclusive' then 1 else 0 end)
                then 'cumulative'
            else 'either'
        end as channel_reading
    from row_readings
    group by account, channel

),

settled_readings as (

    select
        row_readings.*,
        case
            when pinned_readings.stats_reading is not null then pinned_readings.stats_reading
            when row_readings.row_reading = 'either' then channel_readings.channel_reading
            else row_readings.row_reading
        end as stats_reading
    from row_readings
    inner join channel_readings
        on
            row_readings.account = channel_readings.account
            and row_readings.channel = channel_readings.channel
    inner join pinned_readings
        on row_readings.channel = pinned_readings.channel

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
    from settled_readings

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
