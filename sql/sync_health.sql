-- One row per account and channel that was ever asked for: how fresh and how complete the warehouse is.
-- The next run must read before the deadline, or creation time is lost for good.
with read_channels as (

    select
        account,
        channel,
        max(read_at) as last_read_at,
        min(case when is_complete then window_start end) as first_complete
    from coverage
    group by account, channel

),

found_gaps as (

    select
        account,
        channel,
        count(*) as gaps,
        sum(epoch(gap_end) - epoch(gap_start)) / 3600 as gap_hours,
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
    -- what lies before the end of a gap was accounted for when the gap was found; where there is
    -- none, nothing was owed before the first complete window
    select
        read_channels.account,
        read_channels.channel,
        cast('1970-01-01T00:00:00Z' as timestamptz) as window_start,
        coalesce(found_gaps.last_gap_end, read_channels.first_complete) as window_end
    from read_channels
    left join found_gaps
        on
            read_channels.account = found_gaps.account
            and read_channels.channel = found_gaps.channel

),

windows_in_order as (

    select
        account,
        channel,
        window_start,
        window_end,
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
        count(*) as rejected
    from rejected_operations
    group by account, channel

),

followed as (

    select
        account,
        channel,
        count(case when outcome = 'open' then 1 end) as followed,
        count(case when outcome = 'lost' then 1 end) as lost
    from followed_operations
    group by account, channel

),

newest as (

    select
        account,
        channel,
        count(*) as operations,
        max(created_at) as newest_operation
    from operation_counters
    group by account, channel

),

channel_names as (

    select 'messages' as channel
    union all
    select 'emails' as channel
    union all
    select 'push_notifications' as channel

),

-- a run that names no channel ended before it came to any, so it says something about each
channel_runs as (

    select
        runs.account,
        channel_names.channel,
        runs.started_at,
        runs.outcome,
        runs.channels <> '{}' as is_named
    from runs
    inner join channel_names
        on runs.channels = '{}' or runs.channels like '%"' || channel_names.channel || '":%'

),

known_channels as (

    select
        account,
        channel
    from read_channels
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
        count(case when started_at >= $now - interval '168' hour then 1 end) as runs_7_days,
        count(
            case when started_at >= $now - interval '168' hour and outcome <> 'complete' then 1 end
        ) as troubled_runs_7_days
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

),

health as (

    select
        known_channels.account,
        known_channels.channel,
        coalesce(newest.operations, 0) as operations,
        newest.newest_operation,
        read_channels.last_read_at,
        (epoch($now) - epoch(read_channels.last_read_at)) / 3600 as hours_since_read,
        covered.complete_up_to,
        (epoch(covered.complete_up_to) - epoch($retained_from)) / 3600 as hours_to_deadline,
        coalesce(found_gaps.gaps, 0) as gaps,
        coalesce(found_gaps.gap_hours, 0) as gap_hours,
        found_gaps.last_gap_end,
        coalesce(rejections.rejected, 0) as rejected,
        coalesce(followed.followed, 0) as followed,
        coalesce(followed.lost, 0) as lost,
        run_counts.last_run_at,
        last_runs.last_run_outcome,
        run_counts.last_complete_run_at,
        coalesce(run_counts.runs_7_days, 0) as runs_7_days,
        coalesce(run_counts.troubled_runs_7_days, 0) as troubled_runs_7_days
    from known_channels
    left join read_channels
        on
            known_channels.account = read_channels.account
            and known_channels.channel = read_channels.channel
    left join covered
        on
            known_channels.account = covered.account
            and known_channels.channel = covered.channel
    left join found_gaps
        on
            known_channels.account = found_gaps.account
            and known_channels.channel = found_gaps.channel
    left join rejections
        on
            known_channels.account = rejections.account
            and known_channels.channel = rejections.channel
    left join followed
        on
            known_channels.account = followed.account
            and known_channels.channel = followed.channel
    left join newest
        on
            known_channels.account = newest.account
            and known_channels.channel = newest.channel
    left join run_counts
        on
            known_channels.account = run_counts.account
            and known_channels.channel = run_counts.channel
    left join last_runs
        on
            known_channels.account = last_runs.account
            and known_channels.channel = last_runs.channel

)

select
    account,  -- label of the account
    channel,  -- messages, emails or push_notifications
    operations,  -- operations that are stored
    newest_operation,  -- when the latest of them was created
    last_read_at,  -- when the latest reading of any window began; NULL where none was
    hours_since_read,  -- hours since then
    -- the creation time up to which everything was read completely, or is known to be lost
    complete_up_to,
    -- hours left until the next run must have read, or creation time is lost: below 0, some is; NULL
    -- where nothing was ever read completely and nothing is known to be lost
    hours_to_deadline,
    gaps,  -- stretches of creation time that are lost
    gap_hours,  -- how long they are together, in hours
    last_gap_end,  -- when the latest of them ends
    rejected,  -- rows that could not be read
    followed,  -- operations past retention that are open and asked for by id
    lost,  -- operations that were lost from sight while they were open
    last_run_at,  -- when the last run on the channel began
    last_run_outcome,  -- running, interrupted (it died), complete, incomplete or failed
    last_complete_run_at,  -- when the last complete one began
    runs_7_days,  -- runs on the channel in the last seven days
    troubled_runs_7_days  -- those of them that were not complete
from health
