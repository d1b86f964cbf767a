-- One row per operation, tag and value, with the figures of the resources that carry them.
-- An operation is whole if all its resources carry the tag with this value, or if only the first resource
-- was looked at. An operation without tags has the tag (none).
with tagged as (

    select
        known.account,
        known.channel,
        known.operation_id,
        coalesce(tags.tag, '(none)') as tag,
        coalesce(tags.value, '(none)') as value,
        case when tags.tag is null then known.resources else tags.resources end as resources,
        case
            when tags.tag is null or tags.resources is null then true
            else coalesce(tags.resources = known.resources, false)
        end as is_whole
    from int_known_details as known
    left join stg_operation_tags as tags
        on
            known.account = tags.account
            and known.channel = tags.channel
            and known.operation_id = tags.operation_id

),

carriers as (

    select
        tagged.account,
        tagged.channel,
        tagged.operation_id,
        tagged.tag,
        tagged.value,
        count(*) as carriers,
        big_sum(delivered + engaged) as delivered,
        big_sum(undelivered + failed) as not_delivered,
        big_sum(sent + delivered + engaged + undelivered + failed) as attempted
    from tagged
    inner join stg_resources
        on
            tagged.account = stg_resources.account
            and tagged.channel = stg_resources.channel
            and tagged.operation_id = stg_resources.operation_id
    where
        tagged.resources is not null
        and (tagged.is_whole or has_tag(stg_resources.tags, tagged.tag, tagged.value))
    group by tagged.account, tagged.channel, tagged.operation_id, tagged.tag, tagged.value

)

select
    tagged.account,
    tagged.channel,
    tagged.operation_id,
    tagged.tag,
    tagged.value,
    tagged.is_whole,
    tagged.resources,
    -- NULL if other resources were found than those that were counted
    case when tagged.resources = carriers.carriers then carriers.delivered end
        as resources_delivered,
    case when tagged.resources = carriers.carriers then carriers.not_delivered end
        as resources_not_delivered,
    case when tagged.resources = carriers.carriers then carriers.attempted end
        as resources_attempted
from tagged
left join carriers
    on
        tagged.account = carriers.account
        and tagged.channel = carriers.channel
        and tagged.operation_id = carriers.operation_id
        and tagged.tag = carriers.tag
        and tagged.value = carriers.value
