-- One row per row of the API that could not be read, with its state.
-- Open: nobody has dealt with it. Resolved: its operation was read well later. Acknowledged: a person has
-- marked it with comms rejected.
select
    account,
    channel,
    channels.channel_order,
    row_key,  -- digest of account, channel and raw text: the same for the same row read again
    operation_id,  -- the id in the row; NULL if it has none
    reason,  -- why it could not be read
    raw,  -- the row as the API sent it, as JSON
    state,  -- open, resolved or acknowledged
    last_synced_at,
    acknowledged_at  -- when its operation, or the row if it has no id, was acknowledged; NULL if never
from int_rejected_rows
inner join channel_list() as channels using (channel)
