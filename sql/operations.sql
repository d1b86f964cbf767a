-- One row per operation of any channel, with the measures that its counters allow.
-- Rates lie between 0 and 1, or are NULL where the counters do not tell. Where counters can be read
-- in two ways, a measure is an interval from ..._low to ..._high. What a channel cannot know is NULL,
-- never 0. A counter below 0 or above 10^12 makes no sense and is NULL here; the table keeps it.
with settled_messages as (

    -- one channel at a time: each joins one table, by a shorter key
    select
        operation_measures.*,
        current_states.synced_at as unchanged_since
    from operation_measures
    left join operation_states as current_states
        on
            case
                when operation_measures.created_at >= $retained_from then operation_measures.id
            end = current_states.id
            and operation_measures.account = current_states.account
            and current_states.channel = 'messages'
            and current_states.valid_to is null
            and current_states.created_at >= $retained_from
    where operation_measures.channel = 'messages'

),

settled_emails as (

    select
        operation_measures.*,
        current_states.synced_at as unchanged_since
    from operation_measures
    left join operation_states as current_states
        on
            case
                when operation_measures.created_at >= $retained_from then operation_measures.id
            end = current_states.id
            and operation_measures.account = current_states.account
            and current_states.channel = 'emails'
            and current_states.valid_to is null
            and current_states.created_at >= $retained_from
    where operation_measures.channel = 'emails'

),

settled_push_notifications as (

    select
        operation_measures.*,
        current_states.synced_at as unchanged_since
    from operation_measures
    left join operation_states as current_states
        on
            case
                when operation_measures.created_at >= $retained_from then operation_measures.id
            end = current_states.id
            and operation_measures.account = current_states.account
            and current_states.channel = 'push_notifications'
            and current_states.valid_to is null
            and current_states.created_at >= $retained_from
    where operation_measures.channel = 'push_notifications'

),

all_channels as (

    select * from settled_messages
    union all
    select * from settled_emails
    union all
    select * from settled_push_notifications

),

lost_operations as (

    select
        account,
        channel,
        operation_id
    from followed_operations
    where outcome = 'lost'

),

settled_operations as (

    select
        all_channels.*,
        (epoch($now) - epoch(all_channels.created_at)) / 3600 as age_hours,
        case
            when all_channels.status in ('SCHEDULED', 'PROCESSING')
                then lost_operations.operation_id is not null
            when all_channels.created_at < $retained_from then true
            when all_channels.status in ('COMPLETED', 'CANCELED')
                then coalesce(
                    all_channels.unchanged_since <= all_channels.synced_at - interval '24' hour,
                    false
                )
            else false
        end as is_settled
    from all_channels
    left join lost_operations
        on
            case
                when all_channels.status in ('SCHEDULED', 'PROCESSING') then all_channels.id
            end = lost_operations.operation_id
            and all_channels.account = lost_operations.account
            and all_channels.channel = lost_operations.channel

)

select
    account,  -- label of the account that the operation belongs to
    channel,  -- messages, emails or push_notifications
    id,  -- the API's id of the operation
    status,  -- SCHEDULED, PROCESSING, COMPLETED or CANCELED; others as the API names them
    created_at,  -- when the send request was made
    updated_at,  -- when the API says that the operation last changed
    total,  -- resources (messages, emails, pushes) in the operation
    recipients,  -- recipients that the operation is addressed to
    attempts,  -- sending attempts; several for one resource where a channel falls back on another
    unaddressable,  -- recipients that no attempt was made for, since no address or token fits
    scheduled,  -- resources to be sent later
    queued,  -- resources waiting to be sent
    sent,  -- resources sent: all of them, or those without a later state (see stats_reading)
    delivered,  -- resources delivered: all of them, or those not read yet (see stats_reading)
    read,  -- messages that were read
    opened,  -- emails that unique recipients opened
    undelivered,  -- resources sent and not delivered
    failed,  -- resources that failed before they were sent
    canceled,  -- resources that were canceled on request
    age_hours,  -- hours since the send request was made
    -- whether it can no longer change here: it has ended and did not change between two readings a
    -- day apart, or ended and is past the API's retention, or is open and lost from sight
    is_settled,
    stats_reading,  -- how counters are read here: exclusive, cumulative, inconsistent or either
    -- what the status counters add up to beyond total; 0 where they are exclusive and whole
    stats_check,
    in_flight,  -- resources whose outcome is still to come; NULL where the reading leaves it open
    reached_low,  -- resources that reached their recipient, at least
    reached_high,  -- resources that reached their recipient, at most
    -- share of known outcomes that are deliveries; NULL where the interval is no point
    delivery_rate,
    delivery_rate_low,  -- lower end of the delivery rate
    delivery_rate_high,  -- upper end of the delivery rate
    -- share of attempted resources that reached their recipient, at least
    attempted_delivery_rate_low,
    -- share of attempted resources that reached their recipient, at most
    attempted_delivery_rate_high,
    failure_rate_low,  -- share of known outcomes that are failures, at least
    failure_rate_high,  -- share of known outcomes that are failures, at most
    read_rate_low,  -- share of delivered messages that were read, at least
    read_rate_high,  -- share of delivered messages that were read, at most
    open_rate_low,  -- share of delivered emails that were opened, at least
    open_rate_high,  -- share of delivered emails that were opened, at most
    -- share of pushes that the provider accepted; whether they arrived is not known
    acceptance_rate,
    unaddressable_rate,  -- share of recipients that could not be addressed
    cancel_rate,  -- share of resources that were canceled
    -- attempts for each resource; above 1 where channels fall back on others
    attempts_per_resource,
    synced_at,  -- when the API said all this
    extra  -- fields that the API sent and that have no column, as JSON
from settled_operations
