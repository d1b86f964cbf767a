-- One row per account, channel and range of creation time that was read completely.
-- Adjoining windows are one range. A window that was read before it closed is covered up to that
-- reading. Times are seconds since 1970.
with windows as (

    select
        account,
        channel,
        epoch(window_start) as start_seconds,
        case
            when is_complete then epoch(window_end)
            -- a window that was read within a minute after its end is covered, although not complete
            when epoch(read_at) < epoch(window_end) + 60
                then smaller(epoch(read_at), epoch(window_end))
        end as end_seconds
    from coverage

),

in_order as (

    select
        *,
        max(end_seconds) over (
            partition by account, channel
            order by start_seconds
            rows between unbounded preceding and 1 preceding
        ) as covered_before
    from windows
    where end_seconds > start_seconds

),

numbered as (

    select
        *,
        sum(ones(covered_before is null or start_seconds > covered_before)) over (
            partition by account, channel
            order by start_seconds
            rows between unbounded preceding and current row
        ) as span
    from in_order

)

select
    account,
    channel,
    min(start_seconds) as start_seconds,
    max(end_seconds) as end_seconds
from numbered
group by account, channel, span
