{{ config(enabled=var('comms_views') == 'models') }}

-- One row per setting that the views were created with; details is true if there are views of details.
-- Generated from sql/monitoring/view_settings.sql: do not edit.
WITH settings AS (
  SELECT
    'time_zone' AS setting,
    '{{ comms_source.time_zone() }}' AS value
  UNION ALL
  SELECT
    'retention_hours' AS setting,
    CAST({{ comms_source.retention_hours() }} AS TEXT) AS value
  UNION ALL
  SELECT
    'stuck_after_hours' AS setting,
    CAST({{ comms_source.stuck_hours() }} AS TEXT) AS value
  UNION ALL
  SELECT
    'alert_volume' AS setting,
    CAST({{ comms_source.alert_volume() }} AS TEXT) AS value
  UNION ALL
  SELECT
    'alert_points' AS setting,
    CAST({{ comms_source.alert_points() }} AS TEXT) AS value
  UNION ALL
  SELECT
    'alert_days' AS setting,
    CAST({{ comms_source.alert_days() }} AS TEXT) AS value
  UNION ALL
  SELECT
    'details' AS setting,
    '{{ comms_source.details() }}' AS value
  UNION ALL
  SELECT
    'counter_mode.' || channel AS setting,
    COALESCE(pinned_mode, '') AS value
  FROM (
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
)
SELECT
  setting,
  value
FROM settings
