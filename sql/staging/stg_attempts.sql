-- One row per attempt at sending a message that was failed or undelivered when it was read.
select
    account,
    channel,
    channel_order,
    operation_id,
    message_id,
    attempt,
    status,
    error_code,
    error_message,
    coalesce(attempted_at, synced_at) as seen_at
from each_attempt()
