-- One row per account, channel and error code: why messages, emails and pushes failed, in plain words.
-- Of the operations of the last 30 days. The error of the last attempt counts. Not every failed message is
-- asked about: asked and not_asked show how large the sample is. Failures without a code share one row.
with recent as (

    select *
    from int_failures
    where created_at >= $now - interval '720' hour

),

codes as (

    select
        account,
        channel,
        channel_order,
        error_code,
        max(error_message) as error_message,
        count(distinct case when part = 'cause' then operation_id end) as operations,
        coalesce(big_sum(case when part = 'cause' then resources end), 0) as resources,
        count(distinct case when part = 'cause' then recipient end)
        + coalesce(big_sum(case when part = 'cause' and recipient is null then resources end), 0)
            as recipients,
        -- NULL for a channel without attempts
        big_sum(case when part = 'cause' or failed is null then failed else 0 end) as failed,
        big_sum(case when part = 'cause' or undelivered is null then undelivered else 0 end)
            as undelivered,
        count_of(part = 'recovered') as recovered,
        count_of(part = 'earlier') as earlier,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from recent
    group by account, channel, channel_order, error_code

),

samples as (

    select
        account,
        channel,
        big_sum(not_asked) as not_asked
    from stg_operation_details
    where kind = 'errors' and created_at >= $now - interval '720' hour
    group by account, channel

),

placed as (

    select
        codes.*,
        samples.not_asked,
        cast(sum(resources) over (partition by codes.account, codes.channel) as bigint) as asked,
        row_number() over (
            partition by codes.account, codes.channel
            order by resources desc, recovered desc, earlier desc, coalesce(error_code, 0) asc
        ) as place
    from codes
    inner join samples
        on
            codes.account = samples.account
            and codes.channel = samples.channel

)

select
    account,
    channel,
    channel_order,
    place,  -- 1 for the code with the most resources
    placed.error_code,  -- the API's code; NULL where it sent none
    -- what the code means; the API's own message where the code is not known here, NULL if there is none
    coalesce(causes.cause, error_message) as cause,
    -- failed (before it was sent), undelivered (after), both, or NULL where the API does not say
    case
        when failed > 0 and undelivered > 0 then 'both'
        when failed > 0 then 'failed'
        when undelivered > 0 then 'undelivered'
    end as kind,
    -- messages that failed with it in their last attempt; where there are no attempts, its occurrences
    resources,
    -- of these messages, those that failed before they were sent; NULL where there are no attempts
    failed,
    -- of these messages, those that were sent and not delivered; NULL where there are no attempts
    undelivered,
    operations,  -- operations with such a resource
    -- distinct recipients of these resources; a resource without a stored recipient counts as one
    recipients,
    asked,  -- failed resources of the account and channel whose errors were asked for
    share(resources, asked) as share,  -- resources / asked
    not_asked,  -- failed messages of the account and channel whose errors were not asked for
    recovered,  -- messages with it in an earlier attempt, and without an error in their last
    earlier,  -- messages with it in an earlier attempt, and with some error in their last
    first_seen_at,  -- when it first occurred in these operations
    last_seen_at,  -- when it last occurred in these operations
    -- where the vendor explains it; NULL without a code
    'https://www.twilio.com/docs/api/errors/' || cast(placed.error_code as text) as error_url
from placed
left join error_causes() as causes on placed.error_code = causes.error_code
