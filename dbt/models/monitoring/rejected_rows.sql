{{ config(enabled=var('comms_views') == 'models') }}

-- One row per row of the API that could not be read, with its state.
-- Open: nobody has dealt with it. Resolved: its operation was read well later. Acknowledged: a person has
-- marked it with comms rejected.
-- Generated from sql/monitoring/rejected_rows.sql: do not edit.
SELECT
  account,
  channel,
  channels.channel_order,
  row_key,
  operation_id,
  reason,
  raw,
  state,
  last_synced_at,
  acknowledged_at
FROM {{ ref("comms_source", "int_rejected_rows") }} AS int_rejected_rows
INNER JOIN (
  SELECT
    'messages' AS channel,
    CAST(1 AS BIGINT) AS channel_order,
    TRUE AS has_outcomes,
    TRUE AS has_engagement,
    TRUE AS has_attempts,
    CAST({{ comms_source.pinned_mode("messages") }} AS TEXT) AS pinned_mode
  UNION ALL
  SELECT
    'emails' AS channel,
    CAST(2 AS BIGINT) AS channel_order,
    TRUE AS has_outcomes,
    TRUE AS has_engagement,
    FALSE AS has_attempts,
    CAST({{ comms_source.pinned_mode("emails") }} AS TEXT) AS pinned_mode
  UNION ALL
  SELECT
    'push_notifications' AS channel,
    CAST(3 AS BIGINT) AS channel_order,
    FALSE AS has_outcomes,
    FALSE AS has_engagement,
    FALSE AS has_attempts,
    CAST({{ comms_source.pinned_mode("push_notifications") }} AS TEXT) AS pinned_mode
) AS channels
  USING (channel)
