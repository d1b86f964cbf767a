-- One row per operation and sender, with the figures of the resources that it sent.
-- An operation is whole if all its resources have this sender, or if only the first resource was looked at.
with shares as (

    select
        *,
        sum(resources) over (partition by account, channel, operation_id) as all_resources
    from int_resource_sums

)

select
    shares.account,
    shares.channel,
    shares.operation_id,
    shares.sub_channel,
    shares.sender,
    shares.sender_id,
    shares.sender_pool_id,
    shares.resources = all_resources as is_whole,
    shares.resources,
    delivered + engaged as resources_delivered,
    undelivered + failed as resources_not_delivered,
    sent + delivered + engaged + undelivered + failed as resources_attempted
from shares
inner join int_known_details as known
    on
        shares.account = known.account
        and shares.channel = known.channel
        and shares.operation_id = known.operation_id
where known.resources is not null
union all
select
    details.account,
    details.channel,
    details.operation_id,
    details.sub_channel,
    details.sender,
    details.sender_id,
    details.sender_pool_id,
    true as is_whole,
    cast(null as bigint) as resources,
    cast(null as bigint) as resources_delivered,
    cast(null as bigint) as resources_not_delivered,
    cast(null as bigint) as resources_attempted
from stg_operation_details as details
left join int_known_details as known
    on
        details.account = known.account
        and details.channel = known.channel
        and details.operation_id = known.operation_id
where details.kind = 'tags' and details.outcome = 'read' and known.resources is null
