-- One row per account, channel and hour of creation, with what was requested in it.
-- Hours are those of the wall clock in the reporting time zone. Where it is set back, the hour that
-- occurs twice is one row.
with local_hours as (

    select
        account,
        channel,
        channel_order,
        date_trunc('hour', local_time(created_at)) as hour,
        count(*) as operations,
        big_sum(requested) as requested,
        big_sum(recipients) as recipients
    from stg_operation_rows
    where is_current
    group by 1, 2, 3, 4

),

bounds as (

    select
        *,
        wall_clock_seconds(hour) as start_seconds,
        smaller(wall_clock_seconds(hour) + 3600, epoch($now)) as end_seconds
    from local_hours

),

covered as (

    select
        bounds.account,
        bounds.channel,
        bounds.hour,
        sum(
            overlap(
                bounds.start_seconds,
                bounds.end_seconds,
                int_covered_spans.start_seconds,
                int_covered_spans.end_seconds
            )
        ) as covered_seconds
    from bounds
    inner join int_covered_spans
        on bounds.account = int_covered_spans.account and bounds.channel = int_covered_spans.channel
    group by 1, 2, 3

),

shares as (

    select
        bounds.*,
        share(coalesce(covered.covered_seconds, 0), bounds.end_seconds - bounds.start_seconds)
            as covered_share
    from bounds
    left join covered
        on
            bounds.account = covered.account
            and bounds.channel = covered.channel
            and bounds.hour = covered.hour

)

select
    hour,
    cast(hour as date) as day,  -- the hour's day
    cast(extract(hour from hour) as bigint) as hour_of_day,
    account,
    channel,
    channel_order,
    covered_share,
    operations,
    requested,
    recipients
from shares
