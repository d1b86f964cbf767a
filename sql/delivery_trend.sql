-- One row per account and channel: the last seven days against the seven days before, settled only.
-- Today is not among them. An operation that may still change is counted and otherwise left out, so
-- that young days do not look worse than old ones. Rates are ratios of sums.
with local_days as (

    select
        *,
        cast(created_at at time zone $time_zone as date) as day,
        cast($now at time zone $time_zone as date) as today
    from operations
    -- whole days in any zone are among these
    where created_at >= $now - interval '384' hour

),

weeks as (

    select
        *,
        undelivered + failed as missed,
        coalesce(read, opened) as engaged,
        case when day >= cast(today - interval '7' day as date) then 1 else 0 end as is_last
    from local_days
    where day >= cast(today - interval '14' day as date) and day < today

),

weekly_sums as (

    select
        account,
        channel,
        min(today) as today,
        count(case when is_last = 1 then 1 end) as operations,
        count(case when is_last = 0 then 1 end) as previous_operations,
        count(case when is_last = 1 and is_settled then 1 end) as settled_operations,
        count(case when is_last = 0 and is_settled then 1 end) as previous_settled_operations,
        cast(sum(case when is_last = 1 and is_settled then total end) as bigint) as total,
        cast(sum(case when is_last = 0 and is_settled then total end) as bigint)
        as previous_total,
        sum(
            case when is_last = 1 and is_settled and missed is not null then reached_low end
        ) as outcome_low,
        sum(
            case when is_last = 1 and is_settled and missed is not null then reached_high end
        ) as outcome_high,
        sum(
            case when is_last = 1 and is_settled and reached_low is not null then missed end
        ) as missed,
        sum(
            case when is_last = 1 and is_settled and engaged is not null then reached_low end
        ) as engageable_low,
        sum(
            case when is_last = 1 and is_settled and engaged is not null then reached_high end
        ) as engageable_high,
        sum(
            case when is_last = 1 and is_settled and reached_low is not null then engaged end
        ) as engaged,
        sum(
            case when is_last = 0 and is_settled and missed is not null then reached_low end
        ) as previous_outcome_low,
        sum(
            case when is_last = 0 and is_settled and missed is not null then reached_high end
        ) as previous_outcome_high,
        sum(
            case when is_last = 0 and is_settled and reached_low is not null then missed end
        ) as previous_missed,
        sum(
            case when is_last = 0 and is_settled and engaged is not null then reached_low end
        ) as previous_engageable_low,
        sum(
            case when is_last = 0 and is_settled and engaged is not null then reached_high end
        ) as previous_engageable_high,
        sum(
            case when is_last = 0 and is_settled and reached_low is not null then engaged end
        ) as previous_engaged
    from weeks
    group by account, channel

),

rates as (

    select
        *,
        cast(today - interval '7' day as date) as first_day,
        cast(today - interval '1' day as date) as last_day,
        cast(outcome_low as double)
        / nullif(outcome_low + missed, 0) as delivery_rate_low,
        cast(outcome_high as double)
        / nullif(outcome_high + missed, 0) as delivery_rate_high,
        case
            when engageable_high <= 0 then null
            when engaged > engageable_high then 1.0
            else cast(engaged as double) / engageable_high
        end as engagement_rate_low,
        case
            when engageable_low <= 0 then null
            when engaged > engageable_low then 1.0
            else cast(engaged as double) / engageable_low
        end as engagement_rate_high,
        cast(previous_outcome_low as double)
        / nullif(previous_outcome_low + previous_missed, 0) as previous_delivery_rate_low,
        cast(previous_outcome_high as double)
        / nullif(previous_outcome_high + previous_missed, 0) as previous_delivery_rate_high,
        case
            when previous_engageable_high <= 0 then null
            when previous_engaged > previous_engageable_high then 1.0
            else cast(previous_engaged as double) / previous_engageable_high
        end as previous_engagement_rate_low,
        case
            when previous_engageable_low <= 0 then null
            when previous_engaged > previous_engageable_low then 1.0
            else cast(previous_engaged as double) / previous_engageable_low
        end as previous_engagement_rate_high
    from weekly_sums

),

changes as (

    select
        *,
        case
            when delivery_rate_low = delivery_rate_high
                and previous_delivery_rate_low = previous_delivery_rate_high
                then delivery_rate_low - previous_delivery_rate_low
        end as delivery_rate_change,
        case
            when engagement_rate_low = engagement_rate_high
                and previous_engagement_rate_low = previous_engagement_rate_high
                then engagement_rate_low - previous_engagement_rate_low
        end as engagement_rate_change
    from rates

)

select
    account,  -- label of the account that the operations belong to
    channel,  -- messages, emails or push_notifications
    first_day,  -- the first of the last seven days, in the reporting time zone
    last_day,  -- the last of them: yesterday
    operations,  -- operations created in the last seven days
    previous_operations,  -- operations created in the seven days before
    settled_operations,  -- those of the last seven days that can no longer change
    previous_settled_operations,  -- those of the seven days before that can no longer change
    total,  -- resources in the settled operations of the last seven days
    previous_total,  -- resources in the settled operations of the seven days before
    delivery_rate_low,  -- share of known outcomes that are deliveries, at least
    delivery_rate_high,  -- share of known outcomes that are deliveries, at most
    previous_delivery_rate_low,  -- the delivery rate of the seven days before, at least
    previous_delivery_rate_high,  -- the delivery rate of the seven days before, at most
    delivery_rate_change,  -- by how much the delivery rate grew; NULL where either is no point
    engagement_rate_low,  -- share of deliveries that were read or opened, at least
    engagement_rate_high,  -- share of deliveries that were read or opened, at most
    previous_engagement_rate_low,  -- the engagement rate of the seven days before, at least
    previous_engagement_rate_high,  -- the engagement rate of the seven days before, at most
    engagement_rate_change  -- by how much the engagement rate grew; NULL where either is no point
from changes
