-- One row per operation that does not go on as it should, with the reason.
-- Processing for more than an hour when the API last said so; ended, yet with resources that wait to be sent; or still open
-- when the API stopped answering for it.
with lost_operations as (

    select
        account,
        channel,
        operation_id
    from followed_operations
    where outcome = 'lost'

),

begins as (

    -- what was scheduled for later begins later
    select
        account,
        channel,
        id,
        max(valid_to) as begun_at
    from operation_states
    where status = 'SCHEDULED'
    group by account, channel, id

),

open_or_waiting as (

    select
        account,
        channel,
        id,
        status,
        created_at,
        updated_at,
        total,
        scheduled,
        queued,
        (epoch($now) - epoch(created_at)) / 3600 as age_hours,
        synced_at
    from operation_counters
    where
        status in ('SCHEDULED', 'PROCESSING')
        or (status in ('COMPLETED', 'CANCELED') and queued + scheduled > 0)

),

reasons as (

    select
        -- by name: after two joins ClickHouse would call what a star brings by its table, too
        open_or_waiting.account,
        open_or_waiting.channel,
        open_or_waiting.id,
        open_or_waiting.status,
        open_or_waiting.created_at,
        open_or_waiting.updated_at,
        open_or_waiting.total,
        open_or_waiting.scheduled,
        open_or_waiting.queued,
        open_or_waiting.age_hours,
        open_or_waiting.synced_at,
        case
            when open_or_waiting.status in ('COMPLETED', 'CANCELED') then 'ended with some waiting'
            when lost_operations.operation_id is not null then 'lost from sight'
            when open_or_waiting.status = 'PROCESSING'
                and coalesce(begins.begun_at, open_or_waiting.created_at)
                < open_or_waiting.synced_at - interval '1' hour
                then 'processing too long'
        end as reason
    from open_or_waiting
    left join lost_operations
        on
            open_or_waiting.account = lost_operations.account
            and open_or_waiting.channel = lost_operations.channel
            and open_or_waiting.id = lost_operations.operation_id
    left join begins
        on
            open_or_waiting.account = begins.account
            and open_or_waiting.channel = begins.channel
            and open_or_waiting.id = begins.id

),

stuck as (

    select * from reasons
    where reason is not null

)

select
    account,  -- label of the account that the operation belongs to
    channel,  -- messages, emails or push_notifications
    id,  -- the API's id of the operation
    reason,  -- processing too long, ended with some waiting, or lost from sight
    status,  -- SCHEDULED, PROCESSING, COMPLETED or CANCELED
    created_at,  -- when the send request was made
    age_hours,  -- hours since then
    updated_at,  -- when the API says that the operation last changed
    total,  -- resources (messages, emails, pushes) in the operation
    scheduled,  -- resources to be sent later
    queued,  -- resources waiting to be sent
    synced_at  -- when the API said all this
from stuck
