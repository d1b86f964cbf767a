{{ config(enabled=var('comms_views') == 'models') }}

-- One row per operation that was first seen within an hour: how long it took from request to COMPLETED.
-- What happens between two readings is not seen, so the time is an interval, in whole seconds: at least
-- until it was last seen active, at most until it was first seen completed. Needs the history.
-- Generated from sql/marts/operation_completions.sql: do not edit.
WITH seen AS (
  SELECT
    account,
    channel,
    channel_order,
    id,
    created_at,
    MAX(recipients) AS recipients,
    MAX(requested) AS requested,
    MIN(synced_at) AS first_seen_at,
    MIN(CASE WHEN status = 'COMPLETED' THEN synced_at END) AS first_seen_completed_at,
    MAX(
      CASE
        WHEN (
          COALESCE(status IN ('SCHEDULED', 'PROCESSING'), FALSE)
        )
        THEN synced_at
      END
    ) AS last_seen_active_at,
    MIN(CASE WHEN status <> 'SCHEDULED' THEN synced_at END) AS first_not_scheduled_at,
    MIN(CASE WHEN status = 'COMPLETED' THEN updated_at END) AS reported_at,
    MAX((
      CASE WHEN (
        status = 'SCHEDULED'
      ) THEN 1 ELSE 0 END
    )) = 1 AS was_scheduled,
    MAX((
      CASE WHEN (
        status = 'CANCELED'
      ) THEN 1 ELSE 0 END
    )) = 1 AS was_canceled
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
  WHERE
    NOT is_current
  GROUP BY
    account,
    channel,
    channel_order,
    id,
    created_at
), times AS (
  SELECT
    *,
    (
      CASE
        WHEN recipients < 1
        THEN 1
        WHEN recipients = 1
        THEN 2
        WHEN recipients <= 10
        THEN 3
        WHEN recipients <= 100
        THEN 4
        WHEN recipients <= 1000
        THEN 5
        WHEN recipients > 1000
        THEN 6
        ELSE 7
      END
    ) AS size_order,
    NOT first_seen_completed_at IS NULL AS is_completed,
    CASE
      WHEN last_seen_active_at < first_seen_completed_at
      OR NOT last_seen_active_at IS NULL
      AND first_seen_completed_at IS NULL
      THEN CAST(FLOOR((
        DATE_PART('epoch', last_seen_active_at) - DATE_PART('epoch', created_at)
      )) AS BIGINT)
      ELSE 0
    END AS seconds_low,
    CAST(CEIL(
      (
        DATE_PART('epoch', first_seen_completed_at) - DATE_PART('epoch', created_at)
      )
    ) AS BIGINT) AS seconds_high,
    CAST(CEIL((
      DATE_PART('epoch', reported_at) - DATE_PART('epoch', created_at)
    )) AS BIGINT) AS reported_seconds
  FROM seen
  WHERE
    (
      DATE_PART('epoch', first_seen_at) - DATE_PART('epoch', created_at)
    ) BETWEEN 0 AND 3600
)
SELECT
  account,
  channel,
  channel_order,
  id,
  created_at,
  recipients,
  requested,
  (
    CASE size_order
      WHEN 1
      THEN 'none'
      WHEN 2
      THEN '1'
      WHEN 3
      THEN '2 to 10'
      WHEN 4
      THEN '11 to 100'
      WHEN 5
      THEN '101 to 1000'
      WHEN 6
      THEN 'over 1000'
      ELSE 'not known'
    END
  ) AS size,
  size_order,
  was_scheduled,
  was_canceled,
  first_not_scheduled_at,
  last_seen_active_at,
  first_seen_completed_at,
  is_completed,
  seconds_low,
  seconds_high,
  (
    CASE WHEN seconds_low = seconds_high THEN seconds_low END
  ) AS seconds,
  reported_seconds,
  CAST(60 * requested AS DOUBLE PRECISION) / NULLIF(seconds_high, 0) AS requested_per_minute_low,
  CAST(60 * requested AS DOUBLE PRECISION) / NULLIF(seconds_low, 0) AS requested_per_minute_high
FROM times
