{{ config(enabled=var('comms_views') == 'models') }}

-- One row per account, channel and time limit: how many operations of the last 30 days completed in time.
-- Over the operations in operation_completions that were neither scheduled nor canceled, active ones
-- included. Where an operation was not read in between, a share is an interval.
-- Generated from sql/marts/completion_sla.sql: do not edit.
WITH limits AS (
  SELECT
    1 AS within_minutes
  UNION ALL
  SELECT
    5 AS within_minutes
  UNION ALL
  SELECT
    15 AS within_minutes
  UNION ALL
  SELECT
    60 AS within_minutes
  UNION ALL
  SELECT
    240 AS within_minutes
  UNION ALL
  SELECT
    1440 AS within_minutes
), counts AS (
  SELECT
    operation_completions.account,
    operation_completions.channel,
    operation_completions.channel_order,
    limits.within_minutes,
    COUNT(*) AS operations,
    (
      CAST(COUNT(CASE WHEN (
        seconds_high <= 60 * within_minutes
      ) THEN 1 END) AS BIGINT)
    ) AS within_low,
    (
      CAST(COUNT(CASE WHEN (
        seconds_low <= 60 * within_minutes
      ) THEN 1 END) AS BIGINT)
    ) AS within_high
  FROM {{ ref("comms_source", "operation_completions") }} AS operation_completions
  CROSS JOIN limits
  WHERE
    NOT was_scheduled
    AND (
      is_completed OR NOT was_canceled
    )
    AND created_at >= CURRENT_TIMESTAMP - INTERVAL '720 HOUR'
  GROUP BY
    1,
    2,
    3,
    4
)
SELECT
  account,
  channel,
  channel_order,
  within_minutes,
  operations,
  within_low,
  within_high,
  (
    CASE
      WHEN operations <= 0
      THEN NULL
      WHEN within_low > operations
      THEN 1.0
      ELSE CAST(within_low AS DOUBLE PRECISION) / operations
    END
  ) AS share_low,
  (
    CASE
      WHEN operations <= 0
      THEN NULL
      WHEN within_high > operations
      THEN 1.0
      ELSE CAST(within_high AS DOUBLE PRECISION) / operations
    END
  ) AS share_high,
  (
    CASE
      WHEN operations <= 0
      THEN NULL
      WHEN (
        CASE WHEN within_low = within_high THEN within_low END
      ) > operations
      THEN 1.0
      ELSE CAST((
        CASE WHEN within_low = within_high THEN within_low END
      ) AS DOUBLE PRECISION) / operations
    END
  ) AS share
FROM counts
