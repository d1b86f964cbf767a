-- One row per operation among the hundred of each account and channel that lost most, last 30 days.
-- Lost are resources that were undelivered or failed; for pushes, those that failed. A send to one
-- recipient that failed comes far behind a campaign that lost a thousand: rank 1 is worth a look.
with loss_counts as (

    select
        account,
        channel,
        case when channel = 'push_notifications' then failed else missed end as lost,
        count(*) as operations
    from operation_measures
    where
        created_at >= $now - interval '720' hour
        and case when channel = 'push_notifications' then failed else missed end > 0
    group by 1, 2, 3

),

running_counts as (

    select
        *,
        sum(operations) over (
            partition by account, channel
            order by lost desc
            rows between unbounded preceding and current row
        ) - operations as worse_operations
    from loss_counts

),

thresholds as (

    -- whoever lost less is not among the hundred; so only few operations have to be ranked
    select
        account,
        channel,
        min(lost) as least_lost
    from running_counts
    where worse_operations < 100
    group by account, channel

),

losses as (

    select
        operation_measures.*,
        case when operation_measures.channel = 'push_notifications' then operation_measures.failed else operation_measures.missed end as lost,
        case
            when operation_measures.channel = 'push_notifications'
                then cast(operation_measures.failed as double)
                    / nullif(operation_measures.sent + operation_measures.failed, 0)
            else operation_measures.failure_rate_high
        end as loss_rate
    from operation_measures
    inner join thresholds
        on
            operation_measures.account = thresholds.account
            and operation_measures.channel = thresholds.channel
            and case when operation_measures.channel = 'push_notifications' then operation_measures.failed else operation_measures.missed end
            >= thresholds.least_lost
    where operation_measures.created_at >= $now - interval '720' hour

),

ranked_losses as (

    select
        *,
        row_number() over (
            partition by account, channel order by lost desc, created_at desc, id asc
        ) as loss_rank
    from losses

),

worst as (

    select * from ranked_losses
    where loss_rank <= 100

)

select
    account,  -- label of the account that the operation belongs to
    channel,  -- messages, emails or push_notifications
    loss_rank,  -- 1 for the operation of the account and channel that lost most
    id,  -- the API's id of the operation
    status,  -- SCHEDULED, PROCESSING, COMPLETED or CANCELED; others as the API names them
    created_at,  -- when the send request was made
    total,  -- resources (messages, emails, pushes) in the operation
    recipients,  -- recipients that the operation is addressed to
    unaddressable,  -- recipients that no attempt was made for, since no address or token fits
    lost,  -- resources that were undelivered or failed
    undelivered,  -- resources sent and not delivered
    failed,  -- resources that failed before they were sent
    reached_low,  -- resources that reached their recipient, at least
    reached_high,  -- resources that reached their recipient, at most
    loss_rate  -- share of known outcomes that are losses, at most
from worst
