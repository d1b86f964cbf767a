{{ config(enabled=var('comms_views') == 'models') }}

-- One row per operation with counters that are invalid, or contradict each other or those of its channel.
-- No rate leaves [0, 1] because of them, but sums of counters may mislead.
-- Generated from sql/monitoring/counter_checks.sql: do not edit.
WITH suspects AS (
  SELECT
    int_operations.*,
    int_counter_modes.counter_mode AS channel_mode
  FROM {{ ref("comms_source", "int_operations") }} AS int_operations
  INNER JOIN {{ ref("comms_source", "int_counter_modes") }} AS int_counter_modes
    ON int_operations.account = int_counter_modes.account
    AND int_operations.channel = int_counter_modes.channel
  WHERE
    has_invalid_counter
    OR NOT is_counted
    OR rules_out_exclusive
    OR rules_out_cumulative
    OR unaddressable > recipients
), problems AS (
  SELECT
    *,
    CASE
      WHEN has_invalid_counter
      THEN 'invalid_counter'
      WHEN NOT is_counted
      THEN 'missing_counter'
      WHEN is_inconsistent
      THEN 'fits_no_mode'
      WHEN unaddressable > recipients
      THEN 'unaddressable_exceeds_recipients'
      WHEN pinned_mode = 'exclusive' AND rules_out_exclusive
      THEN 'not_as_pinned'
      WHEN pinned_mode = 'cumulative' AND rules_out_cumulative
      THEN 'not_as_pinned'
      WHEN channel_mode = 'exclusive' AND rules_out_exclusive
      THEN 'differs_from_channel'
      WHEN channel_mode = 'cumulative' AND rules_out_cumulative
      THEN 'differs_from_channel'
    END AS problem
  FROM suspects
)
SELECT
  account,
  channel,
  channel_order,
  id,
  problem,
  counter_mode,
  status,
  created_at,
  requested,
  status_sum,
  counter_surplus,
  recipients,
  unaddressable,
  scheduled,
  queued,
  api_sent,
  api_delivered,
  engaged,
  undelivered,
  failed,
  canceled,
  synced_at AS last_synced_at
FROM problems
WHERE
  NOT problem IS NULL
