-- One row per operation, tag and value. The column resources is NULL where only the first resource of the
-- operation was looked at.
select
    account,
    channel,
    operation_id,
    tag,
    value,
    resources
from operation_tags
