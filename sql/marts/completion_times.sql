-- One row per account, channel, size of send and percentile: how long operations of the last 30 days took.
-- Over the operations in operation_completions that completed and were not scheduled. A percentile is
-- the time that this share did not exceed (nearest rank). Where is_limited, it mainly depends on how
-- often data is read.
with times as (

    select
        account,
        channel,
        channel_order,
        size,
        size_order,
        seconds_low,
        seconds_high,
        reported_seconds
    from operation_completions
    where is_completed and not was_scheduled and created_at >= $now - interval '720' hour

),

measures as (

    select account, channel, size_order, 'low' as measure, seconds_low as seconds from times
    union all
    select account, channel, size_order, 'high' as measure, seconds_high as seconds from times
    union all
    select account, channel, size_order, 'reported' as measure, reported_seconds as seconds from times
    where reported_seconds is not null

),

counts as (

    select
        account,
        channel,
        size_order,
        measure,
        seconds,
        count(*) as operations
    from measures
    group by account, channel, size_order, measure, seconds

),

ranks as (

    select
        *,
        sum(operations) over (
            partition by account, channel, size_order, measure
            order by seconds
            rows between unbounded preceding and current row
        ) as within,
        sum(operations) over (partition by account, channel, size_order, measure) as all_operations
    from counts

),

percents as (

    select 50 as percentile
    union all
    select 90 as percentile
    union all
    select 99 as percentile

),

percentiles as (

    select
        ranks.account,
        ranks.channel,
        ranks.size_order,
        percents.percentile,
        max(case when measure = 'high' then all_operations end) as operations,
        min(case when measure = 'low' then seconds end) as seconds_low,
        min(case when measure = 'high' then seconds end) as seconds_high,
        min(case when measure = 'reported' then seconds end) as reported_seconds
    from ranks
    inner join percents on 100 * ranks.within >= percents.percentile * ranks.all_operations
    group by 1, 2, 3, 4

),

channels as (

    select distinct
        channel,
        channel_order
    from times

)

select
    percentiles.account,
    percentiles.channel,
    channels.channel_order,
    size_name(percentiles.size_order) as size,
    percentiles.size_order,
    percentiles.percentile,  -- 50, 90 or 99: this many of 100 took no longer
    cast(percentiles.operations as bigint) as operations,
    percentiles.seconds_low,
    percentiles.seconds_high,
    point(percentiles.seconds_low, percentiles.seconds_high) as seconds,  -- NULL where the ends differ
    -- whether the interval is wider than half its upper end: it then depends on how often data is
    -- read, and says little about how long sending takes
    2 * (percentiles.seconds_high - percentiles.seconds_low) > percentiles.seconds_high as is_limited,
    percentiles.reported_seconds  -- the same by updated_at, which need not be the time of completion
from percentiles
inner join channels on percentiles.channel = channels.channel
