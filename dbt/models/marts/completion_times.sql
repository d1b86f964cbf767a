{{ config(enabled=var('comms_views') == 'models') }}

-- One row per account, channel, size of send and percentile: how long operations of the last 30 days took.
-- Over the operations in operation_completions that completed and were not scheduled. A percentile is
-- the time that this share did not exceed (nearest rank). Where is_limited, it mainly depends on how
-- often data is read.
-- Generated from sql/marts/completion_times.sql: do not edit.
WITH times AS (
  SELECT
    account,
    channel,
    channel_order,
    size,
    size_order,
    seconds_low,
    seconds_high,
    reported_seconds
  FROM {{ ref("comms_source", "operation_completions") }} AS operation_completions
  WHERE
    is_completed
    AND NOT was_scheduled
    AND created_at >= CURRENT_TIMESTAMP - INTERVAL '720 HOUR'
), measures AS (
  SELECT
    account,
    channel,
    size_order,
    'low' AS measure,
    seconds_low AS seconds
  FROM times
  UNION ALL
  SELECT
    account,
    channel,
    size_order,
    'high' AS measure,
    seconds_high AS seconds
  FROM times
  UNION ALL
  SELECT
    account,
    channel,
    size_order,
    'reported' AS measure,
    reported_seconds AS seconds
  FROM times
  WHERE
    NOT reported_seconds IS NULL
), counts AS (
  SELECT
    account,
    channel,
    size_order,
    measure,
    seconds,
    COUNT(*) AS operations
  FROM measures
  GROUP BY
    account,
    channel,
    size_order,
    measure,
    seconds
), ranks AS (
  SELECT
    *,
    SUM(operations) OVER (
      PARTITION BY account, channel, size_order, measure
      ORDER BY seconds
      rows BETWEEN UNBOUNDED preceding AND CURRENT ROW
    ) AS within,
    SUM(operations) OVER (PARTITION BY account, channel, size_order, measure) AS all_operations
  FROM counts
), percents AS (
  SELECT
    50 AS percentile
  UNION ALL
  SELECT
    90 AS percentile
  UNION ALL
  SELECT
    99 AS percentile
), percentiles AS (
  SELECT
    ranks.account,
    ranks.channel,
    ranks.size_order,
    percents.percentile,
    MAX(CASE WHEN measure = 'high' THEN all_operations END) AS operations,
    MIN(CASE WHEN measure = 'low' THEN seconds END) AS seconds_low,
    MIN(CASE WHEN measure = 'high' THEN seconds END) AS seconds_high,
    MIN(CASE WHEN measure = 'reported' THEN seconds END) AS reported_seconds
  FROM ranks
  INNER JOIN percents
    ON 100 * ranks.within >= percents.percentile * ranks.all_operations
  GROUP BY
    1,
    2,
    3,
    4
), channels AS (
  SELECT DISTINCT
    channel,
    channel_order
  FROM times
)
SELECT
  percentiles.account,
  percentiles.channel,
  channels.channel_order,
  (
    CASE percentiles.size_order
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
  percentiles.size_order,
  percentiles.percentile,
  CAST(percentiles.operations AS BIGINT) AS operations,
  percentiles.seconds_low,
  percentiles.seconds_high,
  (
    CASE
      WHEN percentiles.seconds_low = percentiles.seconds_high
      THEN percentiles.seconds_low
    END
  ) AS seconds,
  2 * (
    percentiles.seconds_high - percentiles.seconds_low
  ) > percentiles.seconds_high AS is_limited,
  percentiles.reported_seconds
FROM percentiles
INNER JOIN channels
  ON percentiles.channel = channels.channel
