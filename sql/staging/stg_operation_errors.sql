-- One row per operation and error in the API's list of its errors.
select
    account,
    channel,
    operation_id,
    error_code,
    error_message,
    occurrences,
    synced_at
from operation_errors
