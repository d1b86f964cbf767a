-- One row per account and channel that was ever read: how fresh and how complete the warehouse is.
-- Two deadlines: the next run must read before the first, or creation time is lost for good, and before
-- the second, or figures freeze that may still have changed.
with reads as (

    select
        account,
        channel,
        max(read_at) as last_synced_at,
        min(case when is_complete then window_start end) as first_complete,
        min(
            case
                when
                    rows_read > 0
                    and window_end > $retained_from
                    -- all its operations are in their last day then; for a long window that would
                    -- be too late for the first of them, so half a day remains
                    and epoch(read_at) < 3600 * ($retention_hours - 24)
                    + smaller(epoch(window_end), epoch(window_start) + 43200)
                    then window_start
            end
        ) as freezes_first
    from coverage
    group by account, channel

),

found_gaps as (

    select
        account,
        channel,
        count(*) as gaps,
        sum(hours_between(gap_start, gap_end)) as gap_hours,
        max(gap_end) as last_gap_end
    from gaps
    group by account, channel

),

accounted_for as (

    select
        account,
        channel,
        window_start,
        window_end
    from coverage
    where is_complete
    union all
    -- the time before the end of a gap was accounted for when the gap was found; without a gap,
    -- nothing was due before the first complete window
    select
        account,
        channel,
        cast('1970-01-01T00:00:00Z' as timestamptz) as window_start,
        coalesce(last_gap_end, first_complete) as window_end
    from reads
    left join found_gaps using (account, channel)

),

windows_in_order as (

    select
        *,
        max(window_end) over (
            partition by account, channel
            order by window_start
            rows between unbounded preceding and 1 preceding
        ) as complete_before
    from accounted_for

),

covered as (

    select
        account,
        channel,
        coalesce(
            min(case when window_start > complete_before then complete_before end),
            max(window_end)
        ) as complete_up_to
    from windows_in_order
    group by account, channel

),

rejections as (

    select
        account,
        channel,
        count_of(state = 'open') as rejected
    from int_rejected_rows
    group by account, channel

),

by_id as (

    select
        account,
        channel,
        count_of(outcome = 'active') as active_by_id,
        count_of(outcome = 'not_found') as not_found
    from followed_operations
    group by account, channel

),

stored as (

    select
        account,
        channel,
        count(*) as operations,
        max(created_at) as newest_operation
    from stg_operation_rows
    where is_current
    group by account, channel

),

-- a run that names no channel ended before it reached one, so it counts for each
channel_runs as (

    select
        runs.account,
        channels.channel,
        runs.started_at,
        runs.outcome,
        runs.channels <> '{}' as is_named
    from runs
    inner join channel_list() as channels
        on runs.channels = '{}' or runs.channels like '%"' || channels.channel || '":%'

),

known_channels as (

    select
        account,
        channel
    from reads
    union distinct
    select
        account,
        channel
    from channel_runs
    where is_named

),

run_counts as (

    select
        account,
        channel,
        max(started_at) as last_run_at,
        max(case when outcome = 'complete' then started_at end) as last_complete_run_at,
        count_of(started_at >= $now - interval '168' hour) as runs_7_days,
        count_of(started_at >= $now - interval '168' hour and outcome <> 'complete')
            as troubled_runs_7_days
    from channel_runs
    group by account, channel

),

last_runs as (

    select
        channel_runs.account,
        channel_runs.channel,
        min(channel_runs.outcome) as last_run_outcome
    from channel_runs
    inner join run_counts
        on
            channel_runs.account = run_counts.account
            and channel_runs.channel = run_counts.channel
            and channel_runs.started_at = run_counts.last_run_at
    group by channel_runs.account, channel_runs.channel

)

select
    account,
    channel,
    channels.channel_order,
    coalesce(operations, 0) as operations,  -- operations that are stored
    newest_operation,  -- when the latest of them was created
    last_synced_at,  -- when the latest reading of any window began; NULL where there was none
    hours_between(last_synced_at, $now) as hours_since_sync,  -- hours since then
    -- the creation time up to which everything was read completely, or is known to be a gap
    complete_up_to,
    -- hours until the next run must have read, or creation time is lost; below 0, some is lost; NULL
    -- where nothing was ever read completely and no gap is known
    hours_between($retained_from, complete_up_to) as hours_to_deadline,
    -- hours until figures freeze that were not read in their last day; NULL where none are due
    hours_between($retained_from, freezes_first) as hours_to_freeze,
    coalesce(gaps, 0) as gaps,  -- ranges of creation time that were never read completely
    coalesce(gap_hours, 0) as gap_hours,  -- their total length, in hours
    last_gap_end,  -- when the latest of them ends
    coalesce(rejected, 0) as rejected,  -- rows that could not be read and are open, see rejected_rows
    coalesce(active_by_id, 0) as active_by_id,  -- active operations past retention, read by id
    coalesce(not_found, 0) as not_found,  -- active operations for which the API answered 404
    last_run_at,  -- when the last run on the channel began
    last_run_outcome,  -- running, interrupted (it died), complete, incomplete or failed
    last_complete_run_at,  -- when the last complete one began
    coalesce(runs_7_days, 0) as runs_7_days,  -- runs on the channel in the last seven days
    coalesce(troubled_runs_7_days, 0) as troubled_runs_7_days  -- the ones that were not complete
from known_channels
inner join channel_list() as channels using (channel)
left join reads using (account, channel)
left join covered using (account, channel)
left join found_gaps using (account, channel)
left join rejections using (account, channel)
left join by_id using (account, channel)
left join stored using (account, channel)
left join run_counts using (account, channel)
left join last_runs using (account, channel)
