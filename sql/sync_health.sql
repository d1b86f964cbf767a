-- One row per account and channel that was ever read: how fresh and how complete the warehouse is.
-- The next run must read before the deadline, or creation time is lost for good.
with read_channels as (

    select
        account,
        channel,
        max(window_end) as read_up_to,
        max(read_at) as last_read_at
    from coverage
    group by account, channel

),

complete_windows as (

    select
        account,
        channel,
        window_start,
        window_end
    from coverage
    where is_complete and window_end > $retained_from

),

ends_of_cover as (

    select
        ended.account,
        ended.channel,
        min(ended.window_end) as complete_up_to
    from complete_windows as ended
    left join complete_windows as next_one
        on
            ended.account = next_one.account
            and ended.channel = next_one.channel
            and ended.window_end = next_one.window_start
    where next_one.window_start is null
    group by ended.account, ended.channel

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

runs_by_account as (

    select
        account,
        max(started_at) as last_run_at,
        max(case when outcome = 'complete' then started_at end) as last_complete_run_at,
        count(case when started_at >= $now - interval '7' day then 1 end) as runs_7_days,
        count(
            case when started_at >= $now - interval '7' day and outcome <> 'complete' then 1 end
        ) as troubled_runs_7_days
    from runs
    group by account

),

last_runs as (

    select
        runs.account,
        min(runs.outcome) as last_run_outcome
    from runs
    inner join runs_by_account
        on runs.account = runs_by_account.account and runs.started_at = runs_by_account.last_run_at
    group by runs.account

),

health as (

    select
        read_channels.account,
        read_channels.channel,
        coalesce(newest.operations, 0) as operations,
        newest.newest_operation,
        read_channels.last_read_at,
        (epoch($now) - epoch(read_channels.last_read_at)) / 3600 as hours_since_read,
        ends_of_cover.complete_up_to,
        (epoch(ends_of_cover.complete_up_to) - epoch($retained_from)) / 3600 as hours_to_deadline,
        coalesce(found_gaps.gaps, 0) as gaps,
        coalesce(found_gaps.gap_hours, 0) as gap_hours,
        found_gaps.last_gap_end,
        coalesce(rejections.rejected, 0) as rejected,
        coalesce(followed.followed, 0) as followed,
        coalesce(followed.lost, 0) as lost,
        runs_by_account.last_run_at,
        last_runs.last_run_outcome,
        runs_by_account.last_complete_run_at,
        coalesce(runs_by_account.runs_7_days, 0) as runs_7_days,
        coalesce(runs_by_account.troubled_runs_7_days, 0) as troubled_runs_7_days
    from read_channels
    left join ends_of_cover
        on
            read_channels.account = ends_of_cover.account
            and read_channels.channel = ends_of_cover.channel
    left join found_gaps
        on
            read_channels.account = found_gaps.account
            and read_channels.channel = found_gaps.channel
    left join rejections
        on
            read_channels.account = rejections.account
            and read_channels.channel = rejections.channel
    left join followed
        on
            read_channels.account = followed.account
            and read_channels.channel = followed.channel
    left join newest
        on
            read_channels.account = newest.account
            and read_channels.channel = newest.channel
    left join runs_by_account on read_channels.account = runs_by_account.account
    left join last_runs on read_channels.account = last_runs.account

)

select
    account,  -- label of the account
    channel,  -- messages, emails or push_notifications
    operations,  -- operations that are stored
    newest_operation,  -- when the latest of them was created
    last_read_at,  -- when the latest reading of any window began
    hours_since_read,  -- hours since then
    complete_up_to,  -- up to which creation time everything within retention was read completely
    -- hours left until the next run must have read, or creation time is lost: below 0, some is; NULL
    -- where nothing within retention is complete
    hours_to_deadline,
    gaps,  -- stretches of creation time that are lost
    gap_hours,  -- how long they are together, in hours
    last_gap_end,  -- when the latest of them ends
    rejected,  -- rows that could not be read
    followed,  -- operations past retention that are open and asked for by id
    lost,  -- operations that were lost from sight while they were open
    last_run_at,  -- when the account's last run began
    last_run_outcome,  -- running (or died), complete, incomplete or failed
    last_complete_run_at,  -- when the account's last complete run began
    runs_7_days,  -- runs of the account in the last seven days
    troubled_runs_7_days  -- those of them that were not complete
from health
