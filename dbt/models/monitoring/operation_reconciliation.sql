{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per operation whose resources were read: its counters, and how many resources have each status.
-- Only operations that have not been seen to change since their resources were read. In exclusive mode a
-- counter is the number of resources with its status; in cumulative mode, of all that went through it.
-- Generated from sql/monitoring/operation_reconciliation.sql: do not edit.
SELECT
  account,
  channel,
  checks.channel_order,
  id,
  status,
  created_at,
  synced_at AS last_synced_at,
  changed_at,
  resources_read_at,
  counter_mode,
  requested,
  resources,
  scheduled,
  resources_scheduled,
  queued,
  resources_queued,
  api_sent,
  resources_sent,
  api_delivered,
  resources_delivered,
  engaged,
  resources_engaged,
  undelivered,
  resources_undelivered,
  failed,
  resources_failed,
  canceled,
  resources_canceled,
  difference_exclusive = 0 AS agrees_exclusive,
  difference_cumulative = 0 AS agrees_cumulative,
  difference_exclusive,
  difference_cumulative,
  (
    CASE
      WHEN difference_exclusive <= difference_cumulative
      THEN difference_exclusive
      WHEN difference_exclusive > difference_cumulative
      THEN difference_cumulative
    END
  ) AS difference
FROM {{ ref("comms_source", "int_resource_checks") }} AS checks
INNER JOIN {{ ref("comms_source", "int_counter_modes") }} AS int_counter_modes
  USING (account, channel)
