-- One row per age at which figures are compared, in hours since the request.
with ages as (

    select 1 as step, cast(0.25 as double) as age_hours, false as is_daily
    union all
    select 2 as step, cast(1 as double) as age_hours, true as is_daily
    union all
    select 3 as step, cast(3 as double) as age_hours, false as is_daily
    union all
    select 4 as step, cast(6 as double) as age_hours, true as is_daily
    union all
    select 5 as step, cast(12 as double) as age_hours, false as is_daily
    union all
    select 6 as step, cast(24 as double) as age_hours, true as is_daily
    union all
    select 7 as step, cast(48 as double) as age_hours, false as is_daily
    union all
    select 8 as step, cast(72 as double) as age_hours, true as is_daily
    union all
    select 9 as step, cast(96 as double) as age_hours, false as is_daily
    union all
    select 10 as step, cast(120 as double) as age_hours, false as is_daily
    union all
    select 11 as step, cast(144 as double) as age_hours, false as is_daily
    union all
    select 12 as step, cast(168 as double) as age_hours, true as is_daily

)

select
    step,
    age_hours,
    is_daily
from ages
