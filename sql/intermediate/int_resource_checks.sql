-- One row per operation whose resources were read in its present state: its counters beside theirs.
-- The state is the same if the operation has not been seen to change since its resources were read. An
-- operation with rows that could not be read, or that are not stored, is left out.
with changes as (

    select
        account,
        channel,
        id,
        max(synced_at) as changed_at
    from stg_operation_rows
    where not is_current and valid_to is null
    group by account, channel, id

),

sums as (

    select
        account,
        channel,
        operation_id,
        big_sum(resources) as resources,
        big_sum(scheduled) as scheduled,
        big_sum(queued) as queued,
        big_sum(sent) as sent,
        big_sum(delivered) as delivered,
        big_sum(engaged) as engaged,
        big_sum(undelivered) as undelivered,
        big_sum(failed) as failed,
        big_sum(canceled) as canceled
    from int_resource_sums
    group by account, channel, operation_id

),

compared as (

    select
        operations.account,
        operations.channel,
        operations.channel_order,
        operations.id,
        operations.status,
        operations.created_at,
        operations.synced_at,
        coalesce(changes.changed_at, operations.synced_at) as changed_at,
        known.resources_read_at,
        operations.requested,
        operations.scheduled,
        operations.queued,
        operations.api_sent,
        operations.api_delivered,
        operations.engaged,
        operations.undelivered,
        operations.known_delivered,
        operations.known_engaged,
        operations.known_undelivered,
        operations.failed,
        operations.canceled,
        sums.resources,
        sums.scheduled as resources_scheduled,
        sums.queued as resources_queued,
        sums.sent as resources_sent,
        sums.delivered as resources_delivered,
        sums.engaged as resources_engaged,
        sums.undelivered as resources_undelivered,
        sums.failed as resources_failed,
        sums.canceled as resources_canceled
    from int_counter_sums as operations
    inner join int_known_details as known
        on
            operations.account = known.account
            and operations.channel = known.channel
            and operations.id = known.operation_id
    inner join sums
        on
            operations.account = sums.account
            and operations.channel = sums.channel
            and operations.id = sums.operation_id
    left join changes
        on
            operations.account = changes.account
            and operations.channel = changes.channel
            and operations.id = changes.id
    where
        operations.is_current
        and operations.is_counted
        and known.resources = sums.resources
        and known.rejected = 0

),

differences as (

    select
        *,
        abs(scheduled - resources_scheduled)
        + abs(queued - resources_queued)
        + abs(known_engaged - resources_engaged)
        + abs(known_undelivered - resources_undelivered)
        + abs(failed - resources_failed)
        + abs(canceled - resources_canceled) as difference_of_both,
        resources_delivered + resources_engaged as resources_reached
    from compared
    where changed_at <= resources_read_at

)

select
    *,
    difference_of_both
    + abs(api_sent - resources_sent)
    + abs(known_delivered - resources_delivered) as difference_exclusive,
    difference_of_both
    + abs(api_sent - resources_sent - resources_reached - resources_undelivered)
    + abs(known_delivered - resources_reached) as difference_cumulative
from differences
