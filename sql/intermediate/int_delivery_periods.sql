-- One row per account, channel and day, week or month of creation, with sums and rates of those sums.
-- A rate is a ratio of sums, never a mean of rates. The time is that of the request, not of sending.
with day_sums as (

    select
        local_day(created_at) as day,
        account,
        channel,
        channel_order,
        count(*) as operations,
        count_of(is_counted) as counted_operations,
        count_of(is_active(status)) as active_operations,
        count_of(status = 'COMPLETED') as completed_operations,
        count_of(status = 'CANCELED') as canceled_operations,
        count_of(finality_order = 4) as frozen_operations,
        min(finality_order) as finality_order,
        counted_sum(requested) as requested,
        counted_sum(recipients) as recipients,
        counted_sum(attempts) as attempts,
        counted_sum(unaddressable) as unaddressable,
        counted_sum(scheduled) as scheduled,
        counted_sum(queued) as queued,
        counted_sum(api_sent) as api_sent,
        counted_sum(api_delivered) as api_delivered,
        counted_sum(read) as read,
        counted_sum(opened) as opened,
        counted_sum(engaged) as engaged,
        counted_sum(undelivered) as undelivered,
        counted_sum(failed) as failed,
        counted_sum(canceled) as canceled,
        counted_sum(delivered_low) as delivered_low,
        counted_sum(delivered_high) as delivered_high,
        counted_sum(not_delivered) as not_delivered,
        counted_sum(attempted) as attempted,
        counted_sum(in_flight_low) as in_flight_low,
        counted_sum(in_flight_high) as in_flight_high,
        counted_sum(unconfirmed_low) as unconfirmed_low,
        counted_sum(unconfirmed_high) as unconfirmed_high,
        counted_sum(accepted) as accepted,
        counted_sum(offered) as offered
    from int_operations
    group by 1, 2, 3, 4

),

period_sums as (

    select
        int_periods.period,
        int_periods.first_day,
        int_periods.start_seconds,
        int_periods.end_seconds,
        day_sums.account,
        day_sums.channel,
        day_sums.channel_order,
        min(day_sums.finality_order) as finality_order,
        big_sum(day_sums.operations) as operations,
        big_sum(day_sums.counted_operations) as counted_operations,
        big_sum(day_sums.active_operations) as active_operations,
        big_sum(day_sums.completed_operations) as completed_operations,
        big_sum(day_sums.canceled_operations) as canceled_operations,
        big_sum(day_sums.frozen_operations) as frozen_operations,
        big_sum(day_sums.requested) as requested,
        big_sum(day_sums.recipients) as recipients,
        big_sum(day_sums.attempts) as attempts,
        big_sum(day_sums.unaddressable) as unaddressable,
        big_sum(day_sums.scheduled) as scheduled,
        big_sum(day_sums.queued) as queued,
        big_sum(day_sums.api_sent) as api_sent,
        big_sum(day_sums.api_delivered) as api_delivered,
        big_sum(day_sums.read) as read,
        big_sum(day_sums.opened) as opened,
        big_sum(day_sums.engaged) as engaged,
        big_sum(day_sums.undelivered) as undelivered,
        big_sum(day_sums.failed) as failed,
        big_sum(day_sums.canceled) as canceled,
        big_sum(day_sums.delivered_low) as delivered_low,
        big_sum(day_sums.delivered_high) as delivered_high,
        big_sum(day_sums.not_delivered) as not_delivered,
        big_sum(day_sums.attempted) as attempted,
        big_sum(day_sums.in_flight_low) as in_flight_low,
        big_sum(day_sums.in_flight_high) as in_flight_high,
        big_sum(day_sums.unconfirmed_low) as unconfirmed_low,
        big_sum(day_sums.unconfirmed_high) as unconfirmed_high,
        big_sum(day_sums.accepted) as accepted,
        big_sum(day_sums.offered) as offered
    from day_sums
    inner join int_periods on day_sums.day = int_periods.day
    group by 1, 2, 3, 4, 5, 6, 7

),

covered as (

    select
        period_sums.period,
        period_sums.first_day,
        period_sums.account,
        period_sums.channel,
        sum(
            overlap(
                period_sums.start_seconds,
                period_sums.end_seconds,
                int_covered_spans.start_seconds,
                int_covered_spans.end_seconds
            )
        ) as covered_seconds
    from period_sums
    inner join int_covered_spans
        on
            period_sums.account = int_covered_spans.account
            and period_sums.channel = int_covered_spans.channel
    group by 1, 2, 3, 4

),

rates as (

    select
        period_sums.*,
        share(
            coalesce(covered.covered_seconds, 0), period_sums.end_seconds - period_sums.start_seconds
        ) as covered_share,
        point(delivered_low, delivered_high) as delivered,
        point(in_flight_low, in_flight_high) as in_flight,
        point(unconfirmed_low, unconfirmed_high) as unconfirmed,
        share(delivered_low, attempted) as delivery_rate_low,
        share(delivered_high, attempted) as delivery_rate_high,
        share(delivered_low, delivered_low + not_delivered) as delivery_rate_of_known_low,
        share(delivered_high, delivered_high + not_delivered) as delivery_rate_of_known_high,
        share(unconfirmed_low, attempted) as unconfirmed_rate_low,
        share(unconfirmed_high, attempted) as unconfirmed_rate_high,
        share(undelivered, attempted) as undelivered_rate,
        share(failed, attempted) as failed_rate,
        share(engaged, delivered_high) as engagement_rate_low,
        share(engaged, delivered_low) as engagement_rate_high,
        share(read, delivered_high) as read_rate_low,
        share(read, delivered_low) as read_rate_high,
        share(opened, delivered_high) as open_rate_low,
        share(opened, delivered_low) as open_rate_high,
        share(accepted, offered) as acceptance_rate,
        share(unaddressable, recipients) as unaddressable_rate,
        share(canceled, requested) as cancel_rate,
        cast(attempts as double) / nullif(requested, 0) as attempts_per_resource
    from period_sums
    left join covered
        on
            period_sums.period = covered.period
            and period_sums.first_day = covered.first_day
            and period_sums.account = covered.account
            and period_sums.channel = covered.channel

)

select
    period,
    first_day,
    account,
    channel,
    channel_order,
    finality_name(finality_order) as finality,
    finality_order,
    covered_share,
    operations,
    counted_operations,
    active_operations,
    completed_operations,
    canceled_operations,
    frozen_operations,
    requested,
    recipients,
    attempts,
    unaddressable,
    scheduled,
    queued,
    api_sent,
    api_delivered,
    read,
    opened,
    engaged,
    undelivered,
    failed,
    canceled,
    delivered,
    delivered_low,
    delivered_high,
    not_delivered,
    attempted,
    in_flight,
    in_flight_low,
    in_flight_high,
    unconfirmed,
    unconfirmed_low,
    unconfirmed_high,
    accepted,
    offered,
    share(delivered, attempted) as delivery_rate,
    delivery_rate_low,
    delivery_rate_high,
    point(delivery_rate_of_known_low, delivery_rate_of_known_high) as delivery_rate_of_known,
    delivery_rate_of_known_low,
    delivery_rate_of_known_high,
    share(unconfirmed, attempted) as unconfirmed_rate,
    unconfirmed_rate_low,
    unconfirmed_rate_high,
    undelivered_rate,
    failed_rate,
    share(engaged, delivered) as engagement_rate,
    engagement_rate_low,
    engagement_rate_high,
    share(read, delivered) as read_rate,
    read_rate_low,
    read_rate_high,
    share(opened, delivered) as open_rate,
    open_rate_low,
    open_rate_high,
    acceptance_rate,
    unaddressable_rate,
    cancel_rate,
    attempts_per_resource
from rates
