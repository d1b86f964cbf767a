-- One row per operation of any channel as it is now, and one per state of its history.
-- A counter below 0 or above 10^12 is invalid and is NULL here; the table keeps it. A counter that a
-- channel does not have is NULL, never 0. All tables of operations are read here and nowhere else.
select
    account,
    channel,
    channel_order,
    has_outcomes,
    has_engagement,
    pinned_mode,
    is_current,
    id,
    status,
    created_at,
    updated_at,
    synced_at,
    valid_from,
    valid_to,
    extra,
    counter(total) as requested,
    counter(recipients) as recipients,
    counter(attempts) as attempts,
    counter(unaddressable) as unaddressable,
    counter(scheduled) as scheduled,
    counter(queued) as queued,
    counter(sent) as api_sent,
    counter(delivered) as api_delivered,
    counter(read) as read,
    counter(opened) as opened,
    counter(undelivered) as undelivered,
    counter(failed) as failed,
    counter(canceled) as canceled,
    coalesce(counter(read), counter(opened)) as engaged,
    coalesce(
        is_invalid_counter(total)
        or is_invalid_counter(recipients)
        or is_invalid_counter(attempts)
        or is_invalid_counter(unaddressable)
        or is_invalid_counter(scheduled)
        or is_invalid_counter(queued)
        or is_invalid_counter(sent)
        or is_invalid_counter(delivered)
        or is_invalid_counter(read)
        or is_invalid_counter(opened)
        or is_invalid_counter(undelivered)
        or is_invalid_counter(failed)
        or is_invalid_counter(canceled),
        false
    ) as has_invalid_counter
from each_channel()
