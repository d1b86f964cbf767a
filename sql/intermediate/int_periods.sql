-- One row per day, week and month on which something was requested or read, with its bounds.
-- Days are those of the reporting time zone, weeks begin on Monday. Bounds are seconds since 1970; the
-- future is not part of a period.
with days as (

    select distinct local_day(created_at) as day
    from stg_operation_rows
    where is_current

),

periods as (

    select
        'day' as period,
        day,
        day as first_day,
        cast(day + interval '1' day as date) as next_day
    from days
    union all
    select
        'week' as period,
        day,
        cast(date_trunc('week', day) as date) as first_day,
        cast(cast(date_trunc('week', day) as date) + interval '7' day as date) as next_day
    from days
    union all
    select
        'month' as period,
        day,
        cast(date_trunc('month', day) as date) as first_day,
        cast(cast(date_trunc('month', day) as date) + interval '1' month as date) as next_day
    from days

),

bounds as (

    select
        *,
        wall_clock_seconds(cast(first_day as timestamp)) as start_seconds,
        smaller(wall_clock_seconds(cast(next_day as timestamp)), epoch($now)) as end_seconds
    from periods

)

select
    period,
    day,
    first_day,
    start_seconds,
    end_seconds
from bounds
