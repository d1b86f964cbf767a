-- One row per ranking and operation: the hundred worst operations of an account and channel.
-- The ranking count orders by resources not delivered, the ranking rate by their share, among operations
-- of a minimum size (alert_volume). Of the last 30 days.
with losses as (

    select
        *,
        coalesce(attempted, offered) as base
    from int_outcomes
    where is_current and created_at >= $now - interval '720' hour and not_delivered > 0

),

rated as (

    select
        *,
        share(not_delivered, base) as not_delivered_rate
    from losses

),

scored as (

    select
        *,
        'count' as ranking,
        cast(not_delivered as double) as score
    from rated
    union all
    select
        *,
        'rate' as ranking,
        floor(10000 * not_delivered_rate) as score
    from rated
    where base >= $alert_volume and not_delivered_rate is not null

),

score_counts as (

    select
        account,
        channel,
        ranking,
        score,
        count(*) as operations
    from scored
    group by account, channel, ranking, score

),

running_counts as (

    select
        *,
        sum(operations) over (
            partition by account, channel, ranking
            order by score desc
            rows between unbounded preceding and current row
        ) - operations as worse_operations
    from score_counts

),

thresholds as (

    -- operations with a lower score are not among the hundred, so only few have to be sorted
    select
        account,
        channel,
        ranking,
        min(score) as least_score
    from running_counts
    where worse_operations < 100
    group by account, channel, ranking

),

rankings as (

    select
        scored.*,
        row_number() over (
            partition by scored.account, scored.channel, scored.ranking
            order by
                case when scored.ranking = 'rate' then not_delivered_rate else 0 end desc,
                not_delivered desc,
                created_at desc,
                id asc
        ) as place
    from scored
    inner join thresholds
        on
            scored.account = thresholds.account
            and scored.channel = thresholds.channel
            and scored.ranking = thresholds.ranking
            and scored.score >= thresholds.least_score

)

select
    account,
    channel,
    channel_order,
    ranking,  -- count (by resources not delivered) or rate (by their share)
    place,  -- 1 for the worst
    id,
    status,
    created_at,
    requested,
    recipients,
    unaddressable,
    base as attempted,  -- resources that were attempted; for pushes without receipts, accepted or failed
    not_delivered,
    undelivered,
    failed,
    point(delivered_low, delivered_high) as delivered,
    delivered_low,
    delivered_high,
    not_delivered_rate
from rankings
where place <= 100
