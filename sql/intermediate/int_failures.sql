-- One row per message, error code and part that the error played; of a channel without attempts, one row per
-- operation and error code of the API's list.
-- The error of the last attempt is why a message failed: the part cause. An error before it has the part
-- recovered if the last attempt did not fail, and earlier if it did.
with asked as (

    select
        account,
        channel,
        operation_id,
        created_at
    from stg_operation_details
    where kind = 'errors'

),

attempts as (

    select
        *,
        error_code is not null
        or error_message is not null
        or coalesce(status in ('FAILED', 'UNDELIVERED'), false) as has_failed,
        row_number() over (partition by account, message_id order by attempt desc) as from_last
    from stg_attempts

),

ends as (

    select
        *,
        max(ones(from_last = 1 and has_failed)) over (partition by account, message_id)
            as last_failed
    from attempts

),

parts as (

    select
        *,
        case
            when from_last = 1 then 'cause'
            when last_failed = 1 then 'earlier'
            else 'recovered'
        end as part
    from ends
    where has_failed

),

of_messages as (

    select
        account,
        channel,
        channel_order,
        operation_id,
        message_id,
        error_code,
        part,
        max(error_message) as error_message,
        max(ones(status = 'FAILED')) as failed,
        max(ones(status = 'UNDELIVERED')) as undelivered,
        min(seen_at) as first_seen_at,
        max(seen_at) as last_seen_at
    from parts
    group by account, channel, channel_order, operation_id, message_id, error_code, part

)

select
    of_messages.account,
    of_messages.channel,
    of_messages.channel_order,
    of_messages.operation_id,
    asked.created_at,
    of_messages.error_code,
    of_messages.error_message,
    of_messages.part,
    cast(1 as bigint) as resources,
    of_messages.failed,
    of_messages.undelivered,
    stg_resources.recipient,
    of_messages.first_seen_at,
    of_messages.last_seen_at
from of_messages
inner join asked
    on
        of_messages.account = asked.account
        and of_messages.channel = asked.channel
        and of_messages.operation_id = asked.operation_id
left join stg_resources
    on
        of_messages.account = stg_resources.account
        and of_messages.channel = stg_resources.channel
        and of_messages.message_id = stg_resources.id
union all
select
    errors.account,
    errors.channel,
    channels.channel_order,
    errors.operation_id,
    asked.created_at,
    errors.error_code,
    errors.error_message,
    'cause' as part,
    errors.occurrences as resources,
    cast(null as integer) as failed,
    cast(null as integer) as undelivered,
    cast(null as text) as recipient,
    errors.synced_at as first_seen_at,
    errors.synced_at as last_seen_at
from stg_operation_errors as errors
inner join channel_list() as channels
    on errors.channel = channels.channel and not channels.has_attempts
inner join asked
    on
        errors.account = asked.account
        and errors.channel = asked.channel
        and errors.operation_id = asked.operation_id
