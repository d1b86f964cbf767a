"""The queries of a report, as text. Pure.

Each is short SQL that every destination takes: sums over a view, or a few of its rows. `{name}` is
a table or view of the dataset; `{where}` picks the channels and the account.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SUMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "operations": "count(*)",
        "resources": "sum(total)",
        "resources_known": "count(total)",
        "attempted": "sum(attempted)",
        "attempted_known": "count(attempted)",
        "sent": "sum(sent)",
        "sent_known": "count(sent)",
        "reached_low": "sum(reached_low)",
        "reached_high": "sum(reached_high)",
        "reached_known": "count(reached_low)",
        "engaged": "sum(engaged)",
        "engaged_known": "count(engaged)",
        "undelivered": "sum(undelivered)",
        "undelivered_known": "count(undelivered)",
        "failed": "sum(failed)",
        "failed_known": "count(failed)",
        "canceled": "sum(canceled)",
        "canceled_known": "count(canceled)",
        "in_flight": "sum(in_flight)",
        "in_flight_known": "count(in_flight)",
        "outcome_low": "sum(case when missed is not null then reached_low end)",
        "outcome_high": "sum(case when missed is not null then reached_high end)",
        "missed": "sum(case when reached_low is not null then missed end)",
        "engageable_low": "sum(case when engaged is not null then reached_low end)",
        "engageable_high": "sum(case when engaged is not null then reached_high end)",
        "engaged_of_reached": "sum(case when reached_low is not null then engaged end)",
        "accepted": "sum(case when offered is not null then sent end)",
        "offered": "sum(offered)",
        "unaddressable": "sum(case when recipients is not null then unaddressable end)",
        "addressed": "sum(case when unaddressable is not null then recipients end)",
    }
)
"""How each field of `Sums` is summed; a share is told only where both of its sides are."""

STORED: Final = """
select channel, min(account), max(account), count(*), min(created_at)
from {operation_counters} {where}
group by channel
"""

DAYS: Final = """
select channel, days_ago, is_settled, max(created_at), {sums}
from (
    select
        channel, account, created_at, is_settled, total, recipients, unaddressable, sent,
        reached_low, reached_high, undelivered, failed, canceled, in_flight,
        undelivered + failed as missed,
        coalesce(read, opened) as engaged,
        case
            when stats_check + total = 0 then null
            else total - scheduled - queued - canceled
        end as attempted,
        case when channel = 'push_notifications' then sent + failed end as offered,
        {days_ago} as days_ago
    from {operations} {where} and created_at >= %s
) as measured
group by channel, days_ago, is_settled
"""
"""One row per channel, day and whether its operations can still change. The days' bounds are those
of the reporting time zone, worked out before, so that no destination's calendar has a say."""

OLDER: Final = """
select channel, count(*), sum(in_flight), max(created_at)
from {operations} {where}
    and created_at < %s
    and (status in ('SCHEDULED', 'PROCESSING') or created_at >= %s)
    and not is_settled
group by channel
"""
"""What can still change of all that is older than these days. The third line follows from the last;
it spares the database a look at everything else.
"""

HOURS: Final = """
select channel, day, hour_of_day, sum(operations), sum(total)
from {hourly_volume} {where} and day >= %s and day < %s
group by channel, day, hour_of_day
"""

WORST: Final = """
select channel, account, id, status, created_at, total, lost, loss_rate
from (
    select
        channel, account, id, status, created_at, total, lost, loss_rate,
        row_number() over (
            partition by channel order by lost desc, created_at desc, id, account
        ) as place
    from {worst_operations} {where} and loss_rank <= {most}
) as placed
where place <= {most}
order by channel, place
"""

STUCK: Final = """
select channel, reason, alike, account, id, status, created_at, total, waiting
from (
    select
        channel, reason, account, id, status, created_at, total,
        coalesce(scheduled, 0) + coalesce(queued, 0) as waiting,
        count(*) over (partition by channel, reason) as alike,
        row_number() over (
            partition by channel, reason order by created_at desc, id, account
        ) as place
    from {stuck_operations} {where}
) as placed
where place <= {most}
order by created_at desc, channel, id
"""

CONTRADICTIONS: Final = """
select channel, contradiction, count(*)
from {stats_checks} {where} and created_at >= %s
group by channel, contradiction
order by channel, count(*) desc, contradiction
"""

SETTLE_CURVE: Final = """
select channel, account, age_hours, operations, outcome_share, reached_share, engaged_share
from {settle_curve} {where}
order by channel, account, age_hours
"""

COMPLETION_TIMES: Final = """
select
    channel, account, size, operations,
    p50_seconds_low, p50_seconds_high, p90_seconds_low, p90_seconds_high,
    p99_seconds_low, p99_seconds_high
from {completion_times} {where}
"""

TREND: Final = """
select
    channel, account, operations, settled_operations, total,
    delivery_rate_low, delivery_rate_high,
    previous_delivery_rate_low, previous_delivery_rate_high,
    engagement_rate_low, engagement_rate_high
from {delivery_trend} {where}
"""

HEALTH: Final = """
select
    channel, account, last_read_at, hours_to_deadline, gaps, gap_hours, rejected, followed, lost,
    last_run_at, last_run_outcome, runs_7_days, troubled_runs_7_days
from {sync_health} {where}
"""

COVERAGE: Final = """
select channel, window_start, window_end, min(case when is_complete then 1 else 0 end)
from {coverage} {where} and window_end > %s
group by channel, window_start, window_end
order by channel, window_start
"""
"""Of several accounts a window is complete where each that read it has read it completely."""

GAPS: Final = """
select channel, account, gap_start, gap_end
from {gaps} {where} and gap_end > %s
order by gap_end desc, gap_start desc, channel, account
limit {most}
"""
