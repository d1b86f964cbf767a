-- One row per tag and value, and one per sender, of an account and channel: sums and rates.
-- The counters of an operation are in the sums if it is whole, so that no resource is counted for a tag or
-- sender that it does not have.
with memberships as (

    select
        account,
        channel,
        operation_id,
        true as is_tag,
        tag,
        value,
        cast(null as text) as sub_channel,
        cast(null as text) as sender,
        cast(null as text) as sender_id,
        cast(null as text) as sender_pool_id,
        is_whole,
        resources,
        resources_attempted,
        resources_delivered,
        resources_not_delivered
    from int_tag_members
    union all
    select
        account,
        channel,
        operation_id,
        false as is_tag,
        cast(null as text) as tag,
        cast(null as text) as value,
        sub_channel,
        sender,
        sender_id,
        sender_pool_id,
        is_whole,
        resources,
        resources_attempted,
        resources_delivered,
        resources_not_delivered
    from int_sender_members

),

since as (

    select
        account,
        channel,
        min(created_at) as first_at
    from int_known_details
    group by account, channel

),

not_known as (

    select
        operations.account,
        operations.channel,
        count_of(known.operation_id is null) as operations_without_details
    from stg_operation_rows as operations
    inner join since
        on
            operations.account = since.account
            and operations.channel = since.channel
            and operations.created_at >= since.first_at
    left join int_known_details as known
        on
            operations.account = known.account
            and operations.channel = known.channel
            and operations.id = known.operation_id
    where operations.is_current
    group by operations.account, operations.channel

),

sums as (

    select
        is_tag,
        tag,
        value,
        sub_channel,
        sender,
        sender_id,
        sender_pool_id,
        int_operations.account,
        int_operations.channel,
        channel_order,
        has_outcomes,
        min(created_at) as first_created_at,
        max(created_at) as last_created_at,
        count_of(is_whole) as operations,
        count_of(is_whole and is_counted) as counted_operations,
        count_of(is_whole and is_active(status)) as active_operations,
        count_of(is_whole and status = 'COMPLETED') as completed_operations,
        count_of(is_whole and status = 'CANCELED') as canceled_operations,
        count_of(is_whole and finality_order = 4) as frozen_operations,
        min(finality_order) as finality_order,
        whole_sum(requested) as requested,
        whole_sum(recipients) as recipients,
        whole_sum(attempts) as attempts,
        whole_sum(unaddressable) as unaddressable,
        whole_sum(scheduled) as scheduled,
        whole_sum(queued) as queued,
        whole_sum(api_sent) as api_sent,
        whole_sum(api_delivered) as api_delivered,
        whole_sum(read) as read,
        whole_sum(opened) as opened,
        whole_sum(engaged) as engaged,
        whole_sum(undelivered) as undelivered,
        whole_sum(failed) as failed,
        whole_sum(canceled) as canceled,
        whole_sum(delivered_low) as delivered_low,
        whole_sum(delivered_high) as delivered_high,
        whole_sum(not_delivered) as not_delivered,
        whole_sum(attempted) as attempted,
        whole_sum(in_flight_low) as in_flight_low,
        whole_sum(in_flight_high) as in_flight_high,
        whole_sum(unconfirmed_low) as unconfirmed_low,
        whole_sum(unconfirmed_high) as unconfirmed_high,
        whole_sum(accepted) as accepted,
        whole_sum(offered) as offered,
        count_of(not is_whole) as partial_operations,
        big_sum(resources) as resources,
        big_sum(resources_attempted) as resources_attempted,
        big_sum(case when has_outcomes then resources_delivered end) as resources_delivered,
        big_sum(resources_not_delivered) as resources_not_delivered
    from memberships
    inner join int_operations
        on
            memberships.account = int_operations.account
            and memberships.channel = int_operations.channel
            and memberships.operation_id = int_operations.id
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11

)

select
    sums.*,
    operations_without_details,
    point(delivered_low, delivered_high) as delivered,
    point(in_flight_low, in_flight_high) as in_flight,
    point(unconfirmed_low, unconfirmed_high) as unconfirmed,
    share(delivered_low, attempted) as delivery_rate_low,
    share(delivered_high, attempted) as delivery_rate_high,
    share(delivered_low, delivered_low + not_delivered) as delivery_rate_of_known_low,
    share(delivered_high, delivered_high + not_delivered) as delivery_rate_of_known_high,
    share(unconfirmed_low, attempted) as unconfirmed_rate_low,
    share(unconfirmed_high, attempted) as unconfirmed_rate_high,
    share(undelivered, attempted) as undelivered_rate,
    share(failed, attempted) as failed_rate,
    share(engaged, delivered_high) as engagement_rate_low,
    share(engaged, delivered_low) as engagement_rate_high,
    share(read, delivered_high) as read_rate_low,
    share(read, delivered_low) as read_rate_high,
    share(opened, delivered_high) as open_rate_low,
    share(opened, delivered_low) as open_rate_high,
    share(accepted, offered) as acceptance_rate,
    share(unaddressable, recipients) as unaddressable_rate,
    share(canceled, requested) as cancel_rate,
    cast(attempts as double) / nullif(requested, 0) as attempts_per_resource,
    share(resources_delivered, resources_attempted) as resource_delivery_rate
from sums
inner join not_known
    on
        sums.account = not_known.account
        and sums.channel = not_known.channel
