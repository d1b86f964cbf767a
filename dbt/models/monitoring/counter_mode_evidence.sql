{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per account and channel: which counter mode the resources behind its operations show.
-- They decide the mode of a channel whose counters do not; see counter_modes.
-- Generated from sql/monitoring/counter_mode_evidence.sql: do not edit.
SELECT
  account,
  channel,
  evidence.channel_order,
  resource_mode,
  counter_mode,
  decided_by,
  compared_operations,
  exclusive_only,
  cumulative_only,
  either,
  neither
FROM {{ ref("comms_source", "int_resource_modes") }} AS evidence
INNER JOIN {{ ref("comms_source", "int_counter_modes") }} AS int_counter_modes
  USING (account, channel)
