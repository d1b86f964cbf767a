{{ config(enabled=var('comms_views') == 'models') }}

-- One row per account and channel: whether its counters are exclusive or cumulative, and how that is known.
-- Exclusive: a resource counts once, in its latest status. Cumulative: it counts in each status that it
-- went through. Undecided: the operations do not determine the mode, and figures may be intervals.
-- Generated from sql/monitoring/counter_modes.sql: do not edit.
SELECT
  account,
  channel,
  channel_order,
  counter_mode,
  pinned_mode,
  exclusive_operations,
  cumulative_operations,
  inconsistent_operations,
  decided_by
FROM {{ ref("comms_source", "int_counter_modes") }} AS int_counter_modes
