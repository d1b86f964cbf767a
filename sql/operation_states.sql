-- One row per state in which an operation of any channel was seen, with its counters.
-- A state is the status and all counters; reading it again unchanged adds no row. Of one operation
-- the rows adjoin: each is valid up to the instant from which the next one is.
with messages as (

    select
        account,
        'messages' as channel,
        id,
        status,
        created_at,
        updated_at,
        case when total between 0 and 1000000000000 then total end as total,
        case when recipients between 0 and 1000000000000 then recipients end as recipients,
        case when attempts between 0 and 1000000000000 then attempts end as attempts,
        case when unaddressable between 0 and 1000000000000 then unaddressable end as unaddressable,
        case when scheduled between 0 and 1000000000000 then scheduled end as scheduled,
        case when queued between 0 and 1000000000000 then queued end as queued,
        case when sent between 0 and 1000000000000 then sent end as sent,
        case when delivered between 0 and 1000000000000 then delivered end as delivered,
        case when read between 0 and 1000000000000 then read end as read,
        cast(null as bigint) as opened,
        case when undelivered between 0 and 1000000000000 then undelivered end as undelivered,
        case when failed between 0 and 1000000000000 then failed end as failed,
        case when canceled between 0 and 1000000000000 then canceled end as canceled,
        synced_at,
        valid_from,
        valid_to
    from message_operation_history

),

emails as (

    select
        account,
        'emails' as channel,
        id,
        status,
        created_at,
        updated_at,
        case when total between 0 and 1000000000000 then total end as total,
        case when recipients between 0 and 1000000000000 then recipients end as recipients,
        case when attempts between 0 and 1000000000000 then attempts end as attempts,
        cast(null as bigint) as unaddressable,
        case when scheduled between 0 and 1000000000000 then scheduled end as scheduled,
        case when queued between 0 and 1000000000000 then queued end as queued,
        case when sent between 0 and 1000000000000 then sent end as sent,
        case when delivered between 0 and 1000000000000 then delivered end as delivered,
        cast(null as bigint) as read,
        case when opened between 0 and 1000000000000 then opened end as opened,
        case when undelivered between 0 and 1000000000000 then undelivered end as undelivered,
        case when failed between 0 and 1000000000000 then failed end as failed,
        case when canceled between 0 and 1000000000000 then canceled end as canceled,
        synced_at,
        valid_from,
        valid_to
    from email_operation_history

),

push_notifications as (

    select
        account,
        'push_notifications' as channel,
        id,
        status,
        created_at,
        updated_at,
        case when total between 0 and 1000000000000 then total end as total,
        case when recipients between 0 and 1000000000000 then recipients end as recipients,
        cast(null as bigint) as attempts,
        case when unaddressable between 0 and 1000000000000 then unaddressable end as unaddressable,
        case when scheduled between 0 and 1000000000000 then scheduled end as scheduled,
        case when queued between 0 and 1000000000000 then queued end as queued,
        case when sent between 0 and 1000000000000 then sent end as sent,
        cast(null as bigint) as delivered,
        cast(null as bigint) as read,
        cast(null as bigint) as opened,
        cast(null as bigint) as undelivered,
        case when failed between 0 and 1000000000000 then failed end as failed,
        case when canceled between 0 and 1000000000000 then canceled end as canceled,
        synced_at,
        valid_from,
        valid_to
    from push_notification_operation_history

),

all_channels as (

    select * from messages
    union all
    select * from emails
    union all
    select * from push_notifications

)

select
    account,  -- label of the account that the operation belongs to
    channel,  -- messages, emails or push_notifications
    id,  -- the API's id of the operation
    status,  -- its status in this state
    created_at,  -- when the send request was made
    updated_at,  -- when the API said that the operation had last changed, as this state was first seen
    total,  -- resources (messages, emails, pushes) in the operation
    recipients,  -- recipients that the operation is addressed to
    attempts,  -- sending attempts by then
    unaddressable,  -- recipients that no attempt was made for, since no address or token fits
    scheduled,  -- resources to be sent later
    queued,  -- resources waiting to be sent
    sent,  -- resources sent: all of them, or those without a later state
    delivered,  -- resources delivered: all of them, or those not read yet
    read,  -- messages that were read
    opened,  -- emails that unique recipients opened
    undelivered,  -- resources sent and not delivered
    failed,  -- resources that failed before they were sent
    canceled,  -- resources that were canceled on request
    synced_at,  -- when the API first said all this
    valid_from,  -- from when on the warehouse had this state, soon after it was first seen
    valid_to  -- from when on the warehouse had the next state; NULL while this is the current one
from all_channels
