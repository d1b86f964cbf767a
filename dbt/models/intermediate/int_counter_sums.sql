{{ config(enabled=var('comms_views') == 'models') }}

-- One row per operation and state, with the sums of its counters and the modes that they rule out.
-- The API does not document whether a delivered resource still counts as sent. If each resource counts
-- once, in its latest status, the sum of all status counters is at most the number of resources
-- requested. If it counts in each status that it went through, no status exceeds the one before.
-- Generated from sql/intermediate/int_counter_sums.sql: do not edit.
WITH parts AS (
  SELECT
    *,
    (
      CASE WHEN has_engagement THEN engaged ELSE COALESCE(engaged, 0) END
    ) AS known_engaged,
    (
      CASE WHEN has_outcomes THEN undelivered ELSE COALESCE(undelivered, 0) END
    ) AS known_undelivered,
    (
      CASE WHEN has_outcomes THEN api_delivered ELSE COALESCE(api_delivered, 0) END
    ) AS known_delivered,
    scheduled + queued AS waiting,
    scheduled + queued + api_sent + failed + canceled AS stage_sum
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
), sums AS (
  SELECT
    *,
    stage_sum + known_delivered + known_engaged + known_undelivered AS status_sum
  FROM parts
)
SELECT
  *,
  NOT requested IS NULL AND NOT status_sum IS NULL AS is_counted,
  COALESCE(status_sum > requested, FALSE) AS rules_out_exclusive,
  COALESCE(stage_sum > requested, FALSE)
  OR COALESCE(api_sent < api_delivered + known_undelivered, FALSE)
  OR COALESCE(api_delivered < known_engaged, FALSE) AS rules_out_cumulative
FROM sums
