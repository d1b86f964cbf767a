-- One row per account and channel: which counter mode the resources of its operations show.
-- An operation is decisive if its counters agree with its resources in one mode only. The channel has a
-- mode if 99 of 100 decisive operations have it.
with agreeing as (

    select
        account,
        channel,
        channel_order,
        count(*) as compared_operations,
        count_of(difference_exclusive = 0 and difference_cumulative > 0) as exclusive_only,
        count_of(difference_cumulative = 0 and difference_exclusive > 0) as cumulative_only,
        count_of(difference_exclusive = 0 and difference_cumulative = 0) as either,
        count_of(difference_exclusive > 0 and difference_cumulative > 0) as neither
    from int_resource_checks
    group by account, channel, channel_order

),

shares as (

    select
        *,
        share(exclusive_only, exclusive_only + cumulative_only) as exclusive_share
    from agreeing

)

select
    account,
    channel,
    channel_order,
    mode_of(exclusive_share) as resource_mode,
    compared_operations,
    exclusive_only,
    cumulative_only,
    either,
    neither
from shares
