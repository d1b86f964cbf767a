-- One row per account, channel, period and measure: the last day and week, compared with seven days before.
-- Like with like: both periods have the same ages, as they were known then. A change or growth is NULL
-- unless both periods were read completely. Needs the history.
with measures as (

    select 1 as measure_order, 'requested' as measure
    union all
    select 2 as measure_order, 'delivery_rate' as measure
    union all
    select 3 as measure_order, 'without_outcome_rate' as measure
    union all
    select 4 as measure_order, 'undelivered_rate' as measure
    union all
    select 5 as measure_order, 'failed_rate' as measure
    union all
    select 6 as measure_order, 'engagement_rate' as measure
    union all
    select 7 as measure_order, 'acceptance_rate' as measure
    union all
    select 8 as measure_order, 'unaddressable_rate' as measure

),

measured as (

    select
        int_snapshots.account,
        int_snapshots.channel,
        int_snapshots.channel_order,
        int_snapshots.period,
        int_snapshots.period_order,
        int_snapshots.days_ago,
        int_snapshots.today,
        int_snapshots.as_of,
        int_snapshots.covered_share,
        int_snapshots.operations,
        measures.measure,
        measures.measure_order,
        case measures.measure_order
            when 1 then requested
            when 2 then delivered_low
            when 3 then outstanding_low
            when 4 then undelivered
            when 5 then failed
            when 6 then engaged
            when 7 then accepted
            when 8 then unaddressable
        end as numerator_low,
        case measures.measure_order
            when 1 then requested
            when 2 then delivered_high
            when 3 then outstanding_high
            when 4 then undelivered
            when 5 then failed
            when 6 then engaged
            when 7 then accepted
            when 8 then unaddressable
        end as numerator_high,
        case measures.measure_order
            when 2 then attempted
            when 3 then attempted
            when 4 then attempted
            when 5 then attempted
            when 6 then delivered_low
            when 7 then offered
            when 8 then recipients
        end as denominator_low,
        case measures.measure_order
            when 2 then attempted
            when 3 then attempted
            when 4 then attempted
            when 5 then attempted
            when 6 then delivered_high
            when 7 then offered
            when 8 then recipients
        end as denominator_high,
        case measures.measure_order
            when 2 then largest_shortfall
            when 3 then largest_outstanding
            when 4 then largest_undelivered
            when 5 then largest_failed
            when 7 then largest_failed
            when 8 then largest_unaddressable
        end as largest_part
    from int_snapshots
    cross join measures

),

valued as (

    select
        *,
        case
            when measure = 'requested' then cast(numerator_low as double)
            else share(numerator_low, denominator_high)
        end as value_low,
        case
            when measure = 'requested' then cast(numerator_high as double)
            else share(numerator_high, denominator_low)
        end as value_high,
        case
            when measure in ('delivery_rate', 'acceptance_rate')
                then share(numerator_high + coalesce(largest_part, 0), denominator_low)
            when measure <> 'requested'
                then share(numerator_low - coalesce(largest_part, 0), denominator_high)
        end as value_but_largest
    from measured

),

days_before as (

    select
        *,
        row_number() over (partition by account, channel, measure order by value_low) as low_place,
        row_number() over (partition by account, channel, measure order by value_high) as high_place,
        row_number() over (partition by account, channel, measure order by value_but_largest)
            as but_largest_place,
        count(*) over (partition by account, channel, measure) as days
    from valued
    where
        period = 'day'
        and days_ago > 0
        and covered_share >= 0.99
        and coalesce(denominator_low, numerator_low) >= $alert_volume
        and value_low is not null

),

usual as (

    -- without the lowest third and the highest third of the days, so that one or two bad days do not
    -- become usual
    select
        account,
        channel,
        measure,
        min(case when low_place > floor((days - 1) / 3) then value_low end) as usual_low,
        max(case when high_place <= days - floor((days - 1) / 3) then value_high end) as usual_high,
        min(case when but_largest_place > floor((days - 1) / 3) then value_but_largest end)
            as usual_but_largest_low,
        max(case when but_largest_place <= days - floor((days - 1) / 3) then value_but_largest end)
            as usual_but_largest_high,
        count(*) as usual_days
    from days_before
    group by account, channel, measure

),

compared as (

    select
        current_period.*,
        previous.operations as previous_operations,
        previous.numerator_low as previous_numerator_low,
        previous.numerator_high as previous_numerator_high,
        previous.denominator_low as previous_denominator_low,
        previous.denominator_high as previous_denominator_high,
        previous.value_low as previous_value_low,
        previous.value_high as previous_value_high,
        previous.covered_share as previous_covered_share
    from valued as current_period
    inner join valued as previous
        on
            current_period.account = previous.account
            and current_period.channel = previous.channel
            and current_period.period = previous.period
            and current_period.measure = previous.measure
            and previous.days_ago = 7
    where current_period.days_ago = 0

),

points as (

    select
        compared.*,
        point(compared.value_low, compared.value_high) as value,
        point(compared.previous_value_low, compared.previous_value_high) as previous_value,
        covered_share >= 0.99 and previous_covered_share >= 0.99 as is_comparable,
        usual.usual_low,
        usual.usual_high,
        usual.usual_but_largest_low,
        usual.usual_but_largest_high,
        usual.usual_days
    from compared
    left join usual
        on
            compared.account = usual.account
            and compared.channel = usual.channel
            and compared.measure = usual.measure
            and compared.period = 'day'
    where compared.value_low is not null or compared.previous_value_low is not null

)

select
    account,
    channel,
    channel_order,
    -- day (the 24 hours that end three hours before as_of) or week (the seven whole days before its day)
    period,
    period_order,  -- 1 for day, 2 for week
    as_of,  -- when the channel was last read
    -- the first day of the period in the reporting time zone; for the 24 hours, the day they began
    case
        when period = 'week' then cast(today - interval '7' day as date)
        else local_day(as_of - interval '27' hour)
    end as first_day,
    -- the last day of the period
    case
        when period = 'week' then cast(today - interval '1' day as date)
        else local_day(as_of - interval '3' hour)
    end as last_day,
    measure,  -- what the value is: requested, delivery_rate, without_outcome_rate and other rates
    measure_order,  -- for sorting by measure
    operations,  -- operations created in the period
    numerator_low,
    numerator_high,
    denominator_low,
    denominator_high,
    value,  -- the measure's value in the period
    value_low,
    value_high,
    covered_share,
    previous_operations,
    previous_numerator_low,
    previous_numerator_high,
    previous_denominator_low,
    previous_denominator_high,
    previous_value,
    previous_value_low,
    previous_value_high,
    previous_covered_share,
    case when is_comparable and measure <> 'requested' then value - previous_value end as change,
    case when is_comparable and measure = 'requested' then value / nullif(previous_value, 0) - 1 end
        as growth,
    usual_low,
    usual_high,
    coalesce(usual_days, 0) as usual_days,
    -- the value as if the operation that lowers it most (delivery_rate, acceptance_rate) or raises it
    -- most (other rates) had been perfect; for unaddressable_rate also operations where most recipients
    -- had no address
    value_but_largest,
    usual_but_largest_low,  -- the lower end of its range on the days of usual_low
    usual_but_largest_high  -- the upper end of its range on those days
from points
