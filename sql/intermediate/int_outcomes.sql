-- One row per operation and state, with the outcomes of its resources in the counter mode that fits.
-- If a status counter or the number of resources is missing, the outcomes are NULL. Where the mode is
-- undecided, a figure is an interval.
with modes as (

    select
        int_counter_sums.*,
        case
            when int_counter_sums.pinned_mode is not null then int_counter_sums.pinned_mode
            when rules_out_exclusive and rules_out_cumulative then 'undecided'
            when rules_out_exclusive then 'cumulative'
            when rules_out_cumulative then 'exclusive'
            else coalesce(int_counter_modes.counter_mode, 'undecided')
        end as counter_mode
    from int_counter_sums
    left join int_counter_modes
        on
            int_counter_sums.account = int_counter_modes.account
            and int_counter_sums.channel = int_counter_modes.channel

),

deliveries as (

    select
        *,
        rules_out_exclusive and rules_out_cumulative as is_inconsistent,
        status_sum - requested as counter_surplus,
        case when is_counted then known_undelivered + failed end as not_delivered,
        case
            when not is_counted then null
            when counter_mode = 'exclusive' then api_delivered + known_engaged
            when counter_mode = 'cumulative' then api_delivered
            else larger(api_delivered, known_engaged)
        end as delivered_low,
        case
            when not is_counted then null
            when counter_mode = 'exclusive' then api_delivered + known_engaged
            when counter_mode = 'cumulative' then api_delivered
            else smaller(api_delivered + known_engaged, requested)
        end as delivered_most,
        case
            when not is_counted then null
            when counter_mode = 'cumulative' or api_delivered is null then api_sent
            when counter_mode = 'exclusive' or known_delivered + known_engaged + known_undelivered = 0
                then api_sent + api_delivered + known_engaged + known_undelivered
        end as accepted,
        -- unaddressable recipients are part of the request only if the sum of the counters leaves room
        case
            when unaddressable + status_sum <= requested then unaddressable
            when unaddressable + stage_sum <= requested and counter_mode = 'cumulative'
                then unaddressable
            else 0
        end as never_attempted
    from modes

),

attempts as (

    select
        *,
        accepted + failed as offered,
        case when delivered_low is not null then larger(delivered_most, delivered_low) end
            as delivered_high,
        -- counters that are all 0, as for a group message, do not show the outcome of the resource
        case
            when delivered_low is not null and status_sum > 0
                then larger(requested - waiting - canceled - never_attempted, 0)
        end as attempted,
        case
            when delivered_low is not null
                then larger(api_sent - api_delivered - known_undelivered, 0)
        end as cumulative_outstanding
    from deliveries

)

select
    *,
    case
        when delivered_low is null then null
        when counter_mode = 'exclusive' then api_sent
        when is_inconsistent and counter_mode = 'undecided' then 0
        else cumulative_outstanding
    end as outstanding_low,
    case
        when delivered_low is null then null
        when counter_mode = 'cumulative' then cumulative_outstanding
        when is_inconsistent and counter_mode = 'undecided'
            then larger(coalesce(attempted, 0) - delivered_low - not_delivered, 0)
        else api_sent
    end as outstanding_high
from attempts
