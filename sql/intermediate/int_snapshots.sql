-- One row per account, channel, period and number of days ago: the sends of that period, as known then.
-- The day is the 24 hours that ended three hours before the latest reading of the channel: younger
-- operations have hardly any outcome yet. The week is the seven whole days before the day of that
-- reading. The other rows are the same periods whole days earlier, as they were known then, so that all
-- have the same ages and can be compared.
with periods as (

    select 'day' as period, 1 as period_order, 0 as days_ago
    union all
    select 'day' as period, 1 as period_order, 1 as days_ago
    union all
    select 'day' as period, 1 as period_order, 2 as days_ago
    union all
    select 'day' as period, 1 as period_order, 3 as days_ago
    union all
    select 'day' as period, 1 as period_order, 4 as days_ago
    union all
    select 'day' as period, 1 as period_order, 5 as days_ago
    union all
    select 'day' as period, 1 as period_order, 6 as days_ago
    union all
    select 'day' as period, 1 as period_order, 7 as days_ago
    union all
    select 'week' as period, 2 as period_order, 0 as days_ago
    union all
    select 'week' as period, 2 as period_order, 7 as days_ago

),

last_reads as (

    select
        account,
        channel,
        max(read_at) as read_at
    from coverage
    group by account, channel

),

as_ofs as (

    select
        stg_operation_rows.account,
        stg_operation_rows.channel,
        stg_operation_rows.channel_order,
        coalesce(max(last_reads.read_at), max(stg_operation_rows.synced_at)) as as_of
    from stg_operation_rows
    left join last_reads
        on
            stg_operation_rows.account = last_reads.account
            and stg_operation_rows.channel = last_reads.channel
    where stg_operation_rows.is_current
    group by 1, 2, 3

),

known as (

    select
        as_ofs.*,
        periods.*,
        epoch(as_of) - 86400 * days_ago as known_seconds,
        cast(local_day(as_of) as timestamp) as today
    from as_ofs
    cross join periods

),

snapshots as (

    select
        *,
        case
            when period = 'day' then known_seconds - 97200
            when days_ago = 0 then wall_clock_seconds(today - interval '7' day)
            else wall_clock_seconds(today - interval '14' day)
        end as start_seconds,
        case
            when period = 'day' then known_seconds - 10800
            when days_ago = 0 then wall_clock_seconds(today)
            else wall_clock_seconds(today - interval '7' day)
        end as end_seconds
    from known

),

states as (

    select
        *,
        epoch(created_at) as created_seconds,
        epoch(valid_from) as from_seconds,
        epoch(valid_to) as to_seconds,
        -- if most recipients of a send had no address, that is an error of the send and not a trend
        coalesce(2 * unaddressable > recipients, false) as is_mostly_unaddressable
    from int_outcomes
    where
        not is_current
        -- no period begins earlier: only the latest part of a long history is read
        and created_at >= (select min(as_of) - interval '384' hour from as_ofs)

),

sums as (

    -- a run begins a little earlier or later each day: readings up to 15 minutes later count
    select
        snapshots.account,
        snapshots.channel,
        snapshots.period,
        snapshots.days_ago,
        count(*) as operations,
        counted_sum(states.requested) as requested,
        counted_sum(states.attempted) as attempted,
        counted_sum(states.delivered_low) as delivered_low,
        counted_sum(states.delivered_high) as delivered_high,
        counted_sum(states.outstanding_low) as outstanding_low,
        counted_sum(states.outstanding_high) as outstanding_high,
        counted_sum(states.undelivered) as undelivered,
        counted_sum(states.failed) as failed,
        counted_sum(states.engaged) as engaged,
        counted_sum(states.accepted) as accepted,
        counted_sum(states.offered) as offered,
        counted_sum(states.recipients) as recipients,
        counted_sum(states.unaddressable) as unaddressable,
        max(states.attempted - states.delivered_high) as largest_shortfall,
        max(states.outstanding_low) as largest_outstanding,
        max(case when is_counted then states.undelivered end) as largest_undelivered,
        max(case when is_counted then states.failed end) as largest_failed,
        coalesce(counted_sum(case when is_mostly_unaddressable then unaddressable end), 0)
        + coalesce(
            max(case when is_counted and not is_mostly_unaddressable then unaddressable end), 0
        ) as largest_unaddressable
    from snapshots
    inner join states
        on
            snapshots.account = states.account
            and snapshots.channel = states.channel
            and states.created_seconds >= snapshots.start_seconds
            and states.created_seconds < snapshots.end_seconds
            and states.from_seconds <= snapshots.known_seconds + 900
            and coalesce(states.to_seconds > snapshots.known_seconds + 900, true)
    group by 1, 2, 3, 4

),

covered as (

    select
        snapshots.account,
        snapshots.channel,
        snapshots.period,
        snapshots.days_ago,
        sum(
            overlap(
                snapshots.start_seconds,
                snapshots.end_seconds,
                int_covered_spans.start_seconds,
                int_covered_spans.end_seconds
            )
        ) as covered_seconds
    from snapshots
    inner join int_covered_spans
        on
            snapshots.account = int_covered_spans.account
            and snapshots.channel = int_covered_spans.channel
    group by 1, 2, 3, 4

),

figures as (

    select
        snapshots.*,
        coalesce(sums.operations, 0) as operations,
        sums.requested,
        sums.attempted,
        sums.delivered_low,
        sums.delivered_high,
        sums.outstanding_low,
        sums.outstanding_high,
        sums.undelivered,
        sums.failed,
        sums.engaged,
        sums.accepted,
        sums.offered,
        sums.recipients,
        sums.unaddressable,
        sums.largest_shortfall,
        sums.largest_outstanding,
        sums.largest_undelivered,
        sums.largest_failed,
        sums.largest_unaddressable
    from snapshots
    left join sums
        on
            snapshots.account = sums.account
            and snapshots.channel = sums.channel
            and snapshots.period = sums.period
            and snapshots.days_ago = sums.days_ago

)

select
    figures.*,
    share(coalesce(covered.covered_seconds, 0), figures.end_seconds - figures.start_seconds)
        as covered_share
from figures
left join covered
    on
        figures.account = covered.account
        and figures.channel = covered.channel
        and figures.period = covered.period
        and figures.days_ago = covered.days_ago
