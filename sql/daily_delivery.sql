-- One row per account, channel and day of creation, with sums and with rates of those sums.
-- A rate is a ratio of sums over the operations that tell both of its sides, never a mean of rates.
-- What a channel cannot know is NULL. Young days still move: compare them with old ones with care.
with local_days as (

    select
        *,
        cast(created_at at time zone $time_zone as date) as day
    from operation_measures

),

daily_sums as (

    select
        day,
        account,
        channel,
        count(*) as operations,
        count(case when status = 'COMPLETED' then 1 end) as completed_operations,
        count(case when status = 'CANCELED' then 1 end) as canceled_operations,
        count(case when status in ('SCHEDULED', 'PROCESSING') then 1 end) as open_operations,
        cast(sum(total) as bigint) as total,
        cast(sum(recipients) as bigint) as recipients,
        cast(sum(attempts) as bigint) as attempts,
        cast(sum(unaddressable) as bigint) as unaddressable,
        cast(sum(scheduled) as bigint) as scheduled,
        cast(sum(queued) as bigint) as queued,
        cast(sum(sent) as bigint) as sent,
        cast(sum(delivered) as bigint) as delivered,
        cast(sum(read) as bigint) as read,
        cast(sum(opened) as bigint) as opened,
        cast(sum(undelivered) as bigint) as undelivered,
        cast(sum(failed) as bigint) as failed,
        cast(sum(canceled) as bigint) as canceled,
        cast(sum(in_flight) as bigint) as in_flight,
        cast(sum(reached_low) as bigint) as reached_low,
        cast(sum(reached_high) as bigint) as reached_high,
        sum(case when missed is not null then reached_low end) as outcome_reached_low,
        sum(case when missed is not null then reached_high end) as outcome_reached_high,
        sum(case when reached_low is not null then missed end) as outcome_missed,
        sum(case when attempted > 0 then reached_low end) as attempted_reached_low,
        sum(case when attempted > 0 then reached_high end) as attempted_reached_high,
        sum(case when attempted > 0 and reached_low is not null then attempted end) as attempted,
        sum(case when read is not null then reached_low end) as readable_low,
        sum(case when read is not null then reached_high end) as readable_high,
        sum(case when reached_low is not null then read end) as read_of_reached,
        sum(case when opened is not null then reached_low end) as openable_low,
        sum(case when opened is not null then reached_high end) as openable_high,
        sum(case when reached_low is not null then opened end) as opened_of_reached,
        sum(
            case when channel = 'push_notifications' and failed is not null then sent end
        ) as accepted,
        sum(case when channel = 'push_notifications' then sent + failed end) as offered,
        sum(case when recipients is not null then unaddressable end) as unaddressable_of_recipients,
        sum(case when unaddressable is not null then recipients end) as addressed_recipients,
        sum(case when total is not null then canceled end) as canceled_of_total,
        sum(case when canceled is not null then total end) as cancelable,
        sum(case when total is not null then attempts end) as attempts_of_total,
        sum(case when attempts is not null then total end) as attempted_total
    from local_days
    group by day, account, channel

),

rates as (

    select
        *,
        case
            when outcome_reached_low = outcome_reached_high or outcome_missed = 0
                then cast(outcome_reached_low as double)
                    / nullif(outcome_reached_low + outcome_missed, 0)
        end as delivery_rate,
        cast(outcome_reached_low as double)
        / nullif(outcome_reached_low + outcome_missed, 0) as delivery_rate_low,
        cast(outcome_reached_high as double)
        / nullif(outcome_reached_high + outcome_missed, 0) as delivery_rate_high,
        cast(outcome_missed as double)
        / nullif(outcome_reached_high + outcome_missed, 0) as failure_rate_low,
        cast(outcome_missed as double)
        / nullif(outcome_reached_low + outcome_missed, 0) as failure_rate_high,
        case
            when attempted <= 0 then null
            when attempted_reached_low > attempted then 1.0
            else cast(attempted_reached_low as double) / attempted
        end as attempted_delivery_rate_low,
        case
            when attempted <= 0 then null
            when attempted_reached_high > attempted then 1.0
            else cast(attempted_reached_high as double) / attempted
        end as attempted_delivery_rate_high,
        case
            when readable_high <= 0 then null
            when read_of_reached > readable_high then 1.0
            else cast(read_of_reached as double) / readable_high
        end as read_rate_low,
        case
            when readable_low <= 0 then null
            when read_of_reached > readable_low then 1.0
            else cast(read_of_reached as double) / readable_low
        end as read_rate_high,
        case
            when openable_high <= 0 then null
            when opened_of_reached > openable_high then 1.0
            else cast(opened_of_reached as double) / openable_high
        end as open_rate_low,
        case
            when openable_low <= 0 then null
            when opened_of_reached > openable_low then 1.0
            else cast(opened_of_reached as double) / openable_low
        end as open_rate_high,
        case
            when offered <= 0 then null
            when accepted > offered then 1.0
            else cast(accepted as double) / offered
        end as acceptance_rate,
        case
            when addressed_recipients <= 0 then null
            when unaddressable_of_recipients > addressed_recipients then 1.0
            else cast(unaddressable_of_recipients as double) / addressed_recipients
        end as unaddressable_rate,
        case
            when cancelable <= 0 then null
            when canceled_of_total > cancelable then 1.0
            else cast(canceled_of_total as double) / cancelable
        end as cancel_rate,
        cast(attempts_of_total as double)
        / nullif(attempted_total, 0) as attempts_per_resource
    from daily_sums

)

select
    day,  -- day of the reporting time zone on which the send requests were made
    account,  -- label of the account that the operations belong to
    channel,  -- messages, emails or push_notifications
    operations,  -- operations created on that day
    completed_operations,  -- operations that are completed
    canceled_operations,  -- operations that were canceled
    open_operations,  -- operations that are scheduled or being processed
    total,  -- sum: resources (messages, emails, pushes) in the operation
    recipients,  -- sum: recipients that the operation is addressed to
    -- sum: sending attempts; several for one resource where a channel falls back on another
    attempts,
    unaddressable,  -- sum: recipients that no attempt was made for, since no address or token fits
    scheduled,  -- sum: resources to be sent later
    queued,  -- sum: resources waiting to be sent
    sent,  -- sum: resources sent: all of them, or those without a later state (see stats_reading)
    delivered,  -- sum: resources delivered: all of them, or those not read yet (see stats_reading)
    read,  -- sum: messages that were read
    opened,  -- sum: emails that unique recipients opened
    undelivered,  -- sum: resources sent and not delivered
    failed,  -- sum: resources that failed before they were sent
    canceled,  -- sum: resources that were canceled on request
    in_flight,  -- sum: resources whose outcome is still to come, where the reading tells
    reached_low,  -- sum: resources that reached their recipient, at least
    reached_high,  -- sum: resources that reached their recipient, at most
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
    attempts_per_resource  -- attempts for each resource; above 1 where channels fall back on others
from rates
