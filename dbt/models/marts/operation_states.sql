{{ config(enabled=var('comms_views') == 'models') }}

-- One row per state in which an operation was seen, from the histories, with its counters in that state.
-- Generated from sql/marts/operation_states.sql: do not edit.
SELECT
  account,
  channel,
  channel_order,
  id,
  status,
  created_at,
  updated_at,
  synced_at AS first_synced_at,
  valid_from,
  valid_to,
  counter_mode,
  requested,
  recipients,
  attempts,
  unaddressable,
  scheduled,
  queued,
  api_sent,
  api_delivered,
  read,
  opened,
  engaged,
  undelivered,
  failed,
  canceled,
  (
    CASE WHEN delivered_low = delivered_high THEN delivered_low END
  ) AS delivered,
  delivered_low,
  delivered_high,
  not_delivered,
  attempted
FROM {{ ref("comms_source", "int_outcomes") }} AS int_outcomes
WHERE
  NOT is_current
